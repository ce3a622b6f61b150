#!/usr/bin/env bash
# Runs cargo for another target on Debian or Ubuntu, with what the C and assembly code of `ring` needs there.
#
# usage: scripts/cross.sh TARGET COMMAND [CARGO OPTIONS...]
#        scripts/cross.sh aarch64-unknown-linux-musl build --release
#        scripts/cross.sh aarch64-apple-darwin clippy --all-targets -- --deny warnings
#
# Linux (musl) and Windows (gnu) targets can be built. For Apple's and Microsoft's there is no linker and no library
# that could be had here, so `check` and `clippy` are all there is: `ring` is compiled by clang for the real target,
# with the headers of another C library, and its objects are thrown away.
set -euo pipefail
target=${1:?target} command=${2:?cargo command}
shift 2
cd "$(dirname "$0")/.."

fail() {
  printf 'error: %s\n' "$@" >&2
  exit 1
}

need() {
  command -v "$1" > /dev/null || fail "there is no \`$1\`, which $target needs" "help: install package \`$2\`"
}

# Variables of the `cc` crate and of cargo for this target.
tool() { export "$1_${target//-/_}=$2"; }
cargo_target() {
  local name=${target//-/_}
  export "CARGO_TARGET_${name^^}_$1=$2"
}

only_checks() {
  case $command in
    check | clippy) ;;
    *) fail "\`cargo $command\` for $target needs a linker that only $1 has" ;;
  esac
  need clang clang
  need llvm-ar llvm
  tool CC clang
  tool AR llvm-ar
}

case $target in
  x86_64-unknown-linux-musl)
    need musl-gcc musl-tools
    tool CC musl-gcc
    ;;
  aarch64-unknown-linux-musl)
    need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
    tool CC aarch64-linux-gnu-gcc
    # Its headers are glibc's, whose checked functions musl has not.
    tool CFLAGS "-U_FORTIFY_SOURCE -mno-outline-atomics"
    # Rust brings musl itself and a linker that knows every processor.
    cargo_target LINKER rust-lld
    ;;
  x86_64-pc-windows-gnu)
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
    tool CC x86_64-w64-mingw32-gcc
    ;;
  *-apple-darwin)
    only_checks macOS
    need musl-gcc musl-tools
    headers=${CARGO_TARGET_DIR:-target}/cross/apple
    mkdir -p "$headers"
    printf '#define TARGET_OS_%s\n' 'MAC 1' 'OSX 1' 'IPHONE 0' > "$headers/TargetConditionals.h"
    tool CFLAGS "-isystem /usr/include/$(uname -m)-linux-musl -isystem $(realpath "$headers")"
    ;;
  x86_64-pc-windows-msvc)
    only_checks Windows
    need x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
    # The headers are those of another compiler for Windows, which take clang for gcc then.
    tool CFLAGS "-fgnuc-version=4.2.1 -isystem /usr/x86_64-w64-mingw32/include"
    ;;
  *) fail "\`$target\` is not known here" ;;
esac

installed=$(rustup target list --installed)
grep -qx "$target" <<< "$installed" || rustup target add "$target"
exec cargo "$command" --locked --target "$target" "$@"
