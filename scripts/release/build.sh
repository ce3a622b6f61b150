#!/usr/bin/env bash
# Builds the program for one target of a release, and checks it.
#
# usage: scripts/release/build.sh TARGET DESTINATION
#
# The program goes to `DESTINATION/TARGET/`. Needs rustup and, for Linux, `musl-gcc` of the target's own processor.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
target=${1:?target} destination=${2:?destination}
grep -qx "$target" "$here/targets.txt" || { echo "error: \`$target\` is no target of a release" >&2; exit 2; }
mkdir -p "$destination/$target"
destination=$(cd "$destination/$target" && pwd)

cd "$here/../.."
rustup target add "$target"
case $target in
  *-linux-musl) export "CC_${target//-/_}=${MUSL_CC:-musl-gcc}" ;;
  *-windows-msvc) export RUSTFLAGS="-C target-feature=+crt-static" ;; # no redistributable has to be installed
  *-apple-darwin) export MACOSX_DEPLOYMENT_TARGET=11.0 ;;
esac
cargo build --release --locked --bin sccache-step --target "$target"
case $target in *-windows-*) name=sccache-step.exe ;; *) name=sccache-step ;; esac
cp "${CARGO_TARGET_DIR:-target}/$target/release/$name" "$destination/"
"$here/check-binary.sh" "$target" "$destination"
