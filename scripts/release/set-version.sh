#!/usr/bin/env bash
# Writes a version wherever this repository states its own, and dates its section of the changelog.
#
# usage: scripts/release/set-version.sh VERSION
#
# What is under `## [Unreleased]` becomes the section of VERSION, dated today (UTC; `SOURCE_DATE_EPOCH` is kept to).
# Nothing is committed. Tests hold all these places to `Cargo.toml`.
set -euo pipefail
version=${1:?version}
cd "$(dirname "$0")/../.."

fail() {
  printf 'error: %s\nhelp:  %s\n' "$@" >&2
  exit 1
}

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
  fail "\`$version\` is no version" "it is 1.2.3, or 1.2.3-rc.1 for a pre-release"
! grep -q "^## \[${version//./\\.}\]" CHANGELOG.md ||
  fail "\`CHANGELOG.md\` has $version already" "give the next version"
grep -q '^## \[Unreleased\]$' CHANGELOG.md || fail "\`CHANGELOG.md\` has no section \`[Unreleased]\`" "write what has changed there"
old=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
today=$(date -u ${SOURCE_DATE_EPOCH:+--date="@$SOURCE_DATE_EPOCH"} +%Y-%m-%d)
# The part of the major tag: `v1`, as in `uses: org/name@v1`.
old_major=v${old%%.*} major=v${version%%.*}

# Through a copy, since in-place editing differs between GNU and BSD.
edit() {
  local file=$1
  shift
  sed "$@" "$file" > "$file.edited"
  cat "$file.edited" > "$file"
  rm "$file.edited"
}

dots=${old//./\\.}
edit Cargo.toml "s/^version = \"$dots\"$/version = \"$version\"/"
edit Cargo.lock "/^name = \"sccache-step\"$/{n;s/\"$dots\"/\"$version\"/;}"
edit CHANGELOG.md -e "s/^## \[Unreleased\]$/## [Unreleased]\n\n## [$version] - $today/" -e '/^The first release will be /,+1d'
edit gitlab/sccache-step.yml "s/\(ref: v\|sccache-step-\|--version \)$dots/\1$version/g"
edit docs/protocols.md "s/\"writer\": \"$dots\"/\"writer\": \"$version\"/"
# Addresses and names of this version in what people copy, in the schemas, and in the recorded reports.
while IFS= read -r file; do
  edit "$file" -e "s|\(/blob/\|ref: \|\`\)v$dots\b|\1v$version|g" -e "s|\(-step@\)$old_major\b|\1$major|g"
done < <(git ls-files README.md 'docs/*' 'examples/*' 'src/report/snapshots/*' 'tests/integration/*')
echo "$old is now $version in every place; look at \`git diff\`, then commit and tag v$version"
