#!/usr/bin/env bash
# Holds the reports of the snapshots to what reads them: JSON to the published schemas, OpenMetrics to the reference
# client's parser.
#
# usage: scripts/check-reports.sh <python with check-jsonschema and prometheus_client>
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The snapshots without insta's header.
for snapshot in src/report/snapshots/{json,merged_json,openmetrics}*.snap; do
  awk 'headers >= 2; /^---$/ { headers++ }' "$snapshot" > "$work/$(basename "$snapshot" .snap)"
done
"$python" -m check_jsonschema --check-metaschema docs/report.schema.json docs/merged.schema.json
"$python" -m check_jsonschema --schemafile docs/report.schema.json "$work"/json_*
"$python" -m check_jsonschema --schemafile docs/merged.schema.json "$work"/merged_json
"$python" - "$work"/openmetrics_* << 'PY'
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families

for path in sys.argv[1:]:
    families = list(text_string_to_metric_families(open(path).read()))
    samples = sum(len(family.samples) for family in families)
    assert len(families) >= 3 and samples >= len(families) - 4, (path, len(families), samples)
    print(f"{path.rsplit('/', 1)[1]}: {len(families)} families, {samples} samples")
PY
