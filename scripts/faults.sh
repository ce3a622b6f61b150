#!/usr/bin/env bash
# Runs the fault suite so many times in a row; stops at the first failure and prints it.
#
# usage: scripts/faults.sh [--times <number>]
#
# Needs what the tests need: run .ci/prepare before.
set -euo pipefail
cd "$(dirname "$0")/.."
times=1
while [ $# -gt 0 ]; do
  case $1 in
    --times) times=${2:?--times needs a number}; shift 2 ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
cargo test --quiet --locked --test integration --no-run
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for ((round = 1; round <= times; round++)); do
  began=$SECONDS
  if ! cargo test --locked --test integration -- faults:: --skip bundles:: > "$output" 2>&1; then
    cat "$output" >&2
    echo "round $round of $times failed" >&2
    exit 1
  fi
  echo "round $round of $times: $(grep -o '[0-9]* passed' "$output"), $((SECONDS - began)) s"
done
