#!/usr/bin/env bash
# Packs each program of an assembled release for download, named as `package.metadata.binstall` in `Cargo.toml` says,
# and writes `SHA256SUMS`.
#
# usage: scripts/release/archives.sh ASSEMBLED DESTINATION
#
# The same programs give the same bytes: order, times (`SOURCE_DATE_EPOCH`, or 1980), owners and modes are fixed.
set -euo pipefail
assembled=${1:?assembled} destination=${2:?destination}
mkdir -p "$destination"
destination=$(cd "$destination" && pwd)
cd "$assembled"
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml)
epoch=${SOURCE_DATE_EPOCH:-315532800}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

names=()
for directory in bin/*/; do
  target=$(basename "$directory")
  name=sccache-step-$target-v$version
  mkdir "$work/$name"
  cp "$directory"sccache-step* LICENSE-APACHE LICENSE-MIT README.md CHANGELOG.md "$work/$name/"
  case $target in
    *-windows-*)
      names+=("$name.zip")
      python3 - "$work" "$name" "$destination/$name.zip" "$epoch" <<'PYTHON'
import pathlib, sys, time, zipfile

work, name, archive, epoch = sys.argv[1:]
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
    for path in sorted(pathlib.Path(work, name).iterdir()):
        entry = zipfile.ZipInfo(f"{name}/{path.name}", time.gmtime(int(epoch))[:6])
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (0o100755 if path.suffix == ".exe" else 0o100644) << 16
        out.writestr(entry, path.read_bytes())
PYTHON
      ;;
    *)
      names+=("$name.tgz")
      chmod 644 "$work/$name"/*
      chmod 755 "$work/$name" "$work/$name/sccache-step"
      tar --create --directory="$work" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
        --format=ustar "$name" | gzip -9n > "$destination/$name.tgz"
      ;;
  esac
done
[ ${#names[@]} -gt 0 ] || { echo "error: \`$assembled\` has no programs in \`bin\`" >&2; exit 1; }
cd "$destination"
sha256sum "${names[@]}" > SHA256SUMS
cat SHA256SUMS
