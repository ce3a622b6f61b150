#!/usr/bin/env bash
# Compiles in a loop while something is broken every few seconds. Fails when a build fails that should not, when the
# report loses more than it says, or when anything is left at the end.
#
# usage: scripts/soak.sh [--minutes <number>] [--seed <number>]
#
# Needs cargo, cc, make and python3, and an sccache in PATH (or one that .ci/prepare has installed).
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-target}
cd "$repository"
cargo build --quiet --locked --target-dir "$target"
target=$(cd "$target" && pwd)
prepared=$target/test-tools/sccache/0.16.0/bin/sccache
sccache=$(command -v sccache || { [ -x "$prepared" ] && echo "$prepared"; }) || {
  echo "there is no sccache in PATH: run .ci/prepare before" >&2
  exit 1
}
exec python3 scripts/soak.py --step "$target/debug/sccache-step" --sccache "$(realpath "$sccache")" "$@"
