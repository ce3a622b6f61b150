#!/usr/bin/env bash
# Compiles a sample project twice through a private sccache server: cold, then warm. Fails when the second
# build finds less than 90 % in the cache.
#
# usage: scripts/demo.sh
#
# Needs cargo. sccache is taken from PATH, or installed once by sccache-step into its own tool cache.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

target=${CARGO_TARGET_DIR:-target}
cd "$repository"
cargo build --release --locked --target-dir "$target"
step=$(cd "$target" && pwd)/release/sccache-step

# The sample is built where nothing that is set for other builds gets in the way: with a wrapper that is set
# already sccache-step would leave the build alone.
unset RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTC_WRAPPER CARGO_BUILD_TARGET CARGO_TARGET_DIR \
  CARGO_BUILD_TARGET_DIR CARGO_INCREMENTAL

cp -R "$repository/tests/fixtures/projects/rust" "$work/project"
cd "$work/project"

build() {
  printf '\n\033[1m%s\033[0m\n\n' "$1"
  shift
  rm -rf target
  "$step" run --cache-dir "$work/cache" --state "$work/state.json" "$@" -- cargo build --release --locked
}

build "First build: the cache is empty"
build "Second build: everything was deleted but the cache" --min-hit-rate 90 --fail-fast
