#!/usr/bin/env bash
# Commits an assembled release on top of the commit it was built from, and lets the tags point there: the version's
# own, and the moving one of its major version unless this is a pre-release or not the newest of them.
#
# usage: scripts/release/publish-tags.sh ASSEMBLED TAG [REMOTE]
#
# HEAD is the commit that was built. The new commit is on no branch: only its tags hold it. Both tags move in one
# atomic push, and only if the remote's TAG still leads to HEAD, or to a release that was made from HEAD before.
# Git has to know how to authenticate to REMOTE (`origin` by default); nothing is stored.
set -euo pipefail
assembled=$(cd "${1:?assembled}" && pwd)
tag=${2:?tag}
remote=${3:-origin}
cd "$(dirname "$0")/../.."

fail() {
  printf 'error: %s\nhelp:  %s\n' "$@" >&2
  exit 1
}

source=$(git rev-parse HEAD)
before=$(git ls-remote "$remote" "refs/tags/$tag" | cut -f1)
[ -n "$before" ] || fail "\`$remote\` has no tag \`$tag\`" "push the tag first; it is what starts a release"
git fetch --quiet --depth=2 "$remote" "refs/tags/$tag"
there=$(git rev-parse 'FETCH_HEAD^{commit}')
subject="release: $tag with its programs"
[ "$there" = "$source" ] || [ "$(git show --no-patch --format='%P %s' "$there")" = "$source $subject" ] ||
  fail "\`$tag\` leads to $there at \`$remote\`, which was not made from $source" \
    "somebody has moved the tag; delete it there and tag the right commit again"

# An index of its own, so that whoever tries this by hand finds the checkout as it was.
index=$(mktemp -u)
trap 'rm -f "$index"' EXIT
git_dir=$(git rev-parse --absolute-git-dir)
in_tree() { GIT_INDEX_FILE=$index git --git-dir="$git_dir" --work-tree="$assembled" -c core.autocrlf=false -c core.fileMode=true "$@"; }
(cd "$assembled" && in_tree add --all --force .)
tree=$(in_tree write-tree)
# The source's own date: the same programs give the same commit.
when=$(git show --no-patch --format=%cI "$source")
export GIT_AUTHOR_NAME=sccache-step GIT_AUTHOR_EMAIL=noreply@localhost GIT_AUTHOR_DATE=$when
export GIT_COMMITTER_NAME=sccache-step GIT_COMMITTER_EMAIL=noreply@localhost GIT_COMMITTER_DATE=$when
commit=$(git commit-tree "$tree" -p "$source" -m "$subject" \
  -m "Built from $source, its parent: the same files, and \`bin/\`.")

pushed=("+$commit:refs/tags/$tag")
leases=("--force-with-lease=refs/tags/$tag:$before")
major=${tag%%.*}
newest=$(git ls-remote --tags "$remote" "refs/tags/$major.*" | sed -n 's|.*refs/tags/\(v[0-9]*\.[0-9]*\.[0-9]*\)$|\1|p' | sort -V | tail -n1)
case $tag in
  *-*) echo "$tag is a pre-release: \`$major\` stays where it is" >&2 ;;
  "$newest")
    pushed+=("+$commit:refs/tags/$major")
    leases+=("--force-with-lease=refs/tags/$major:$(git ls-remote "$remote" "refs/tags/$major" | cut -f1)")
    ;;
  *) echo "$tag is older than $newest: \`$major\` stays where it is" >&2 ;;
esac
git push --quiet --atomic "${leases[@]}" "$remote" "${pushed[@]}"
printf '%s\n' "$commit"
