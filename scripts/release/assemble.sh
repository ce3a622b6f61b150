#!/usr/bin/env bash
# Lays out what a release tag points to: the repository's own files, and `bin/<target>/` beside `action.yml`, so that
# the action downloads and builds nothing.
#
# usage: scripts/release/assemble.sh [--repository OWNER/NAME] BINARIES DESTINATION
#        scripts/release/assemble.sh --local PROGRAM DESTINATION
#
# BINARIES has `<target>/sccache-step` or, for Windows, `<target>/sccache-step.exe` for each target of `targets.txt`;
# one that is missing, too big, not stripped or for another system is refused. `--local` takes one program, which
# has to run on this machine, so that the layout can be tried wherever there is a build; it is no release.
# `--repository` puts this name wherever the files say `org/sccache-step`.
#
# DESTINATION must not exist. Of the repository those files are taken that git tracks, as they are now.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repository=$(cd "$here/../.." && pwd)

fail() {
  printf 'error: %s\n' "$@" >&2
  exit 1
}

usage() {
  sed -n '/^# usage/,/^#$/s/^#\( \|$\)//p' "$0" >&2
  exit 2
}

local_program=
name=
while [ $# -gt 0 ]; do
  case $1 in
    --local) local_program=${2-}; [ -n "$local_program" ] || usage; shift 2 ;;
    --repository) name=${2-}; [ -n "$name" ] || usage; shift 2 ;;
    --help) usage ;;
    -*) usage ;;
    *) break ;;
  esac
done
if [ -n "$local_program" ]; then
  [ $# -eq 1 ] || usage
  destination=$1
else
  [ $# -eq 2 ] || usage
  binaries=$1 destination=$2
fi
[ ! -e "$destination" ] || fail "\`$destination\` is there already"

# As `action/launch.js` names this machine.
this_target() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo x86_64-unknown-linux-musl ;;
    Linux-aarch64) echo aarch64-unknown-linux-musl ;;
    Darwin-x86_64) echo x86_64-apple-darwin ;;
    Darwin-arm64) echo aarch64-apple-darwin ;;
    *) fail "there is no release for $(uname -s) on $(uname -m)" ;;
  esac
}

if [ -n "$local_program" ]; then
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$repository/Cargo.toml")
  said=$("$local_program" --version) || fail "\`$local_program\` does not run here"
  [ "$said" = "sccache-step $version" ] || fail "\`$local_program\` is $said, and this is sccache-step $version"
else
  while read -r target; do
    "$here/check-binary.sh" "$target" "$binaries/$target"
  done < "$here/targets.txt"
fi

mkdir -p "$destination"
destination=$(cd "$destination" && pwd)
# A file that is deleted but not yet committed as such is left out, as it would be from the commit.
git -C "$repository" ls-files -z | (cd "$repository" && while IFS= read -r -d '' file; do
  [ ! -e "$file" ] || printf '%s\0' "$file"
done) | tar --create --directory="$repository" --null --files-from=- | tar --extract --directory="$destination"
[ -e "$destination/action.yml" ] || fail "git knows no \`action.yml\` in \`$repository\`"
# The release's own files are committed whatever a `.gitignore` says.
[ ! -e "$destination/bin" ] || fail "the repository has a \`bin\` of its own"
if [ -n "$local_program" ]; then
  target=$(this_target)
  mkdir -p "$destination/bin/$target"
  install -m 755 "$local_program" "$destination/bin/$target/sccache-step"
else
  while read -r target; do
    mkdir -p "$destination/bin/$target"
    for program in "$binaries/$target"/sccache-step*; do
      install -m 755 "$program" "$destination/bin/$target/${program##*/}"
    done
  done < "$here/targets.txt"
fi
[ -z "$name" ] || "$here/adopt.sh" "$name" "$destination"
