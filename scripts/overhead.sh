#!/usr/bin/env bash
# Measures what sccache-step adds to sccache's own work, side by side in one run, as ratios with their spread.
#
# usage: scripts/overhead.sh [--static] [--quick] [--pairs <number>] [--supervisor]
#
# --static measures the program as it is released for Linux (needs the target of that name and musl-gcc), --supervisor
# only what stays in memory during the job.
# Needs cargo, node, python3, GNU time and an sccache in PATH (or one that .ci/prepare has installed). Prints a Markdown
# table. Fails on errors only: a missed budget is printed as such.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
cd "$repository"
build=(cargo build --quiet --release --locked --target-dir "$target")
release=release
if [ "${1:-}" = --static ]; then
  shift
  build+=(--target "$(uname -m)-unknown-linux-musl")
  release=$(uname -m)-unknown-linux-musl/release
fi
"${build[@]}"
target=$(cd "$target" && pwd)
prepared=$target/test-tools/sccache/0.16.0/bin/sccache
sccache=$(command -v sccache || { [ -x "$prepared" ] && echo "$prepared"; }) || {
  echo "there is no sccache in PATH: run .ci/prepare before" >&2
  exit 1
}
exec python3 scripts/overhead.py --step "$target/$release/sccache-step" --sccache "$(realpath "$sccache")" "$@"
