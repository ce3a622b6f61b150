#!/usr/bin/env bash
# Holds a tag to the version that `Cargo.toml`, `Cargo.lock` and the newest dated heading of `CHANGELOG.md` have.
# Then prints that section of the changelog, the notes of the release.
#
# usage: scripts/release/check-version.sh TAG
#
# A tag is `v` and the version: `v1.2.3`, or `v1.2.3-rc.1` for one that moves no major tag.
set -euo pipefail
tag=${1:?tag}
cd "$(dirname "$0")/../.."

fail() {
  printf 'error: %s\nhelp:  %s\n' "$@" >&2
  exit 1
}

[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
  fail "\`$tag\` is no tag of a release" "name it v1.2.3, or v1.2.3-rc.1 for a pre-release"
version=${tag#v}
stated=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
[ "$stated" = "$version" ] ||
  fail "\`$tag\` is on a commit whose \`Cargo.toml\` says $stated" "run \`scripts/release/set-version.sh $version\`, and tag what comes out"
locked=$(sed -n '/^name = "sccache-step"$/{n;s/^version = "\(.*\)"$/\1/p;}' Cargo.lock)
[ "$locked" = "$version" ] ||
  fail "\`Cargo.lock\` says $locked, and \`Cargo.toml\` $version" "run \`cargo check\`, and commit \`Cargo.lock\`"
heading=$(grep -m1 '^## \[[0-9]' CHANGELOG.md || true)
[[ $heading =~ ^'## ['"$version"'] - '[0-9]{4}-[0-9]{2}-[0-9]{2}$ ]] ||
  fail "\`CHANGELOG.md\` begins with \`${heading:-no released version}\`, not with $version and its date" \
    "run \`scripts/release/set-version.sh $version\`, and tag what comes out"
notes=$(awk -v heading="$heading" '$0 == heading { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md)
[ -n "${notes//[[:space:]]/}" ] || fail "\`CHANGELOG.md\` says nothing about $version" "a release without a change is none"
printf '%s\n' "$notes"
