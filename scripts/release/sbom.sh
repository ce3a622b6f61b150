#!/usr/bin/env bash
# Writes the bill of materials of the program, for all targets together, as CycloneDX JSON.
#
# usage: scripts/release/sbom.sh FILE
#
# Needs cargo-cyclonedx: `cargo install --locked cargo-cyclonedx`. What comes out is checked: it names this version,
# and every dependency of `Cargo.lock` that the program has on any system is in it.
set -euo pipefail
file=${1:?file}
mkdir -p "$(dirname "$file")"
file=$(cd "$(dirname "$file")" && pwd)/$(basename "$file")
cd "$(dirname "$0")/../.."
cargo cyclonedx --version > /dev/null 2>&1 || {
  echo "error: there is no cargo-cyclonedx" >&2
  echo "help:  run \`cargo install --locked cargo-cyclonedx\`" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo tree --locked --edges normal,build --target all --prefix none --format '{p}' > "$work/tree"
# It writes beside `Cargo.toml` and nowhere else.
cargo cyclonedx --quiet --format json --target all --spec-version 1.5 --override-filename sccache-step.cdx
# Where it was built is nobody's affair.
sed "s|path+file://$PWD|path+file:///sccache-step|g" sccache-step.cdx.json > "$file"
rm sccache-step.cdx.json
python3 - "$file" "$work/tree" <<'PYTHON'
import json, sys

with open(sys.argv[1]) as file:
    bill = json.load(file)
with open(sys.argv[2]) as file:
    wanted = {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, file)}
main = bill["metadata"]["component"]
listed = {(part["name"], part["version"]) for part in [main, *bill["components"]]}
missing = sorted(wanted - listed)
if missing or len(wanted) < 20:
    sys.exit(f"error: the bill of materials lacks {missing} of {len(wanted)}")
print(f"{main['name']} {main['version']}: {len(listed)} components")
PYTHON
