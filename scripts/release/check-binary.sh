#!/usr/bin/env bash
# Holds one program of a release to what a release promises: it is for its target, on Linux static and stripped, and
# within the size budget.
#
# usage: scripts/release/check-binary.sh TARGET DIRECTORY
#
# DIRECTORY holds `sccache-step`, or `sccache-step.exe` for Windows, and nothing else.
set -euo pipefail

# 5 MB: every job that uses the action downloads all programs of the release.
budget_bytes=5000000

target=${1:?target} directory=${2:?directory}

fail() {
  printf 'error: %s\n' "$@" >&2
  exit 1
}

case $target in *-windows-*) name=sccache-step.exe ;; *) name=sccache-step ;; esac
program=$directory/$name
[ -f "$program" ] || fail "there is no \`$program\`"
[ "$(ls -A "$directory")" = "$name" ] || fail "\`$directory\` holds more than \`$name\`"

# Bytes of a file as hexadecimal digits, from an offset on.
bytes() {
  od -An -v -tx1 -j "$1" -N "$2" "$program" | tr -d ' \n'
}

# A little-endian number of these digits.
number() {
  local digits=$1 reversed=
  while [ -n "$digits" ]; do
    reversed=${digits:0:2}$reversed
    digits=${digits:2}
  done
  echo $((16#$reversed))
}

elf() {
  [ "$(bytes 0 5)" = 7f454c4602 ] || fail "\`$program\` is no 64-bit ELF file"
  [ "$(bytes 18 2)" = "$1" ] || fail "\`$program\` is for another processor than $target"
  local offset count size index at kind
  # A program header of type 3 names a loader: then it is not static.
  offset=$(number "$(bytes 32 8)") size=$(number "$(bytes 54 2)") count=$(number "$(bytes 56 2)")
  for ((index = 0; index < count; index++)); do
    [ "$(bytes $((offset + index * size)) 4)" != 03000000 ] || fail "\`$program\` is not static"
  done
  # A section header of type 2 is a symbol table: then it is not stripped.
  offset=$(number "$(bytes 40 8)") size=$(number "$(bytes 58 2)") count=$(number "$(bytes 60 2)")
  for ((index = 0; index < count; index++)); do
    at=$((offset + index * size + 4))
    kind=$(bytes $at 4)
    [ "$kind" != 02000000 ] || fail "\`$program\` is not stripped"
  done
}

mach_o() {
  [ "$(bytes 0 4)" = cffaedfe ] || fail "\`$program\` is no 64-bit Mach-O file"
  [ "$(bytes 4 4)" = "$1" ] || fail "\`$program\` is for another processor than $target"
}

pe() {
  [ "$(bytes 0 2)" = 4d5a ] || fail "\`$program\` is no Windows program"
  local at
  at=$(number "$(bytes 60 4)")
  [ "$(bytes "$at" 4)" = 50450000 ] || fail "\`$program\` is no Windows program"
  [ "$(bytes $((at + 4)) 2)" = "$1" ] || fail "\`$program\` is for another processor than $target"
}

case $target in
  x86_64-*-linux-musl) elf 3e00 ;;
  aarch64-*-linux-musl) elf b700 ;;
  x86_64-apple-darwin) mach_o 07000001 ;;
  aarch64-apple-darwin) mach_o 0c000001 ;;
  x86_64-pc-windows-*) pe 6486 ;;
  aarch64-pc-windows-*) pe 64aa ;;
  *) fail "\`$target\` is no target of a release" ;;
esac

size_bytes=$(wc -c < "$program")
[ "$size_bytes" -le "$budget_bytes" ] ||
  fail "\`$program\` has $((size_bytes)) bytes, more than the $budget_bytes of the size budget"
printf '%s: %s bytes\n' "$target" "$((size_bytes))"
