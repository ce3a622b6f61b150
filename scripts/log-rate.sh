#!/usr/bin/env bash
# How fast a server's log of a million lines is read, beside `wc -l` and ripgrep counting the same lines, and how much
# memory that takes.
#
# usage: scripts/log-rate.sh [<lines>]
#
# The log is a recorded one, repeated, each time with other keys. Needs ripgrep (`apt-get install ripgrep`), GNU time and python3.
set -euo pipefail
cd "$(dirname "$0")/.."
lines=${1:-1000000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --locked --release --example read_units
reader=target/release/examples/read_units

python3 - "$lines" tests/fixtures/sccache-logs/0.16.0-rust.log "$work/server.log" << 'PY'
import re, sys
lines, source, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
# What is logged by default: the lines of one module.
recorded = [line for line in open(source) if "sccache::compiler::compiler]" in line]
written = 0
with open(target, "w") as log:
    while written < lines:
        for line in recorded[: lines - written]:
            log.write(re.sub(r"Hash key: [0-9a-f]{8}", f"Hash key: {written:08x}", line))
            written += 1
PY
echo "$(wc -l < "$work/server.log") lines, $(du -m "$work/server.log" | cut -f1) MB"

# The best of five, so that what else the machine does counts least.
best() {
  local title=$1 run
  shift
  for run in 1 2 3 4 5; do
    /usr/bin/time -f '%e %M' -o "$work/time.$run" "$@" > "$work/told"
  done
  sort -n "$work"/time.* | head -n 1 | {
    read -r secs kib
    awk -v title="$title" -v secs="$secs" -v lines="$lines" -v kib="$kib" -v told="$(head -n 1 "$work/told")" \
      'BEGIN { printf "%-28s %6.2f s  %6.2f million lines/s  %5.1f MiB  %s\n", title, secs, lines / 1e6 / (secs > 0 ? secs : 0.01), kib / 1024, told }'
  }
}
best "wc -l" wc -l "$work/server.log"
best "rg -c (the outcomes)" rg -c '^\[[^ ]+ +[A-Z]+ +[a-z:]+\] \[.+?\]: (Cache (hit|miss) in|Compiled in) [0-9.]+ s' "$work/server.log"
best "sccache-step, all it tells" "$reader" "$work/server.log"
