#!/usr/bin/env bash
# Puts the name of your own repository wherever the files say `org/sccache-step`, which is nobody's.
#
# usage: scripts/release/adopt.sh OWNER/NAME [DIRECTORY]
#
# DIRECTORY is a tree of this repository; without it this one. Everything that people copy is covered: README, docs,
# the GitLab template, `Cargo.toml`, and the tests that hold these together. The release workflow does the same to
# what it publishes, so that a release is right even where nobody has run this.
set -euo pipefail

fail() {
  printf 'error: %s\nhelp:  %s\n' "$@" >&2
  exit 2
}

name=${1:?OWNER/NAME}
directory=${2:-$(dirname "$0")/../..}

# Not spelt out, or this file would change itself and could not be used twice.
placeholder=org/sccache
placeholder+=-step

if ! [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$ ]]; then
  fail "\`$name\` is not the name of a repository" "it is OWNER/NAME, as in the address of its page"
fi

cd "$directory"
[ -e action.yml ] || fail "\`$directory\` is no tree of this repository" "name the directory that has \`action.yml\`"
changed=0
while IFS= read -r -d '' file; do
  # Through a copy with the same mode: in-place editing differs between GNU and BSD, and this script is one of them.
  cp -p "$file" "$file.adopted"
  sed "s|$placeholder|$name|g" "$file" > "$file.adopted"
  mv "$file.adopted" "$file"
  changed=$((changed + 1))
done < <(grep -rlIZ --exclude-dir=.git --exclude-dir=target --exclude-dir=bin -- "$placeholder" . || true)
printf '%s files now say %s\n' "$changed" "$name"
