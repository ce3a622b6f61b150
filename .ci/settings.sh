# shellcheck shell=bash
# What the scripts of this directory share; sourced, never run.

# What a user set for builds of his own must not decide what is tested here.
unset RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS RUSTDOCFLAGS CARGO_ENCODED_RUSTFLAGS \
  CARGO_BUILD_RUSTC_WRAPPER CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET \
  CARGO_BUILD_TARGET_DIR CARGO_INCREMENTAL CARGO_BUILD_INCREMENTAL CC CXX CFLAGS CXXFLAGS
# The job around us: nothing here may speak to its host or use its servers and storages.
unset "${!SCCACHE@}" "${!INPUT_@}" "${!GITHUB_@}" "${!ACTIONS_@}" "${!RUNNER_@}" "${!GITLAB_@}" "${!CI_@}"
export CARGO_TERM_PROGRESS_WHEN=never

target=${CARGO_TARGET_DIR:-target}
case $target in /*) ;; *) target=$PWD/$target ;; esac
export CARGO_TARGET_DIR=$target
tools=$target/test-tools
export SCCACHE_STEP_TEST_SCCACHE=$tools/sccache SCCACHE_STEP_TEST_AZURITE=$tools/azurite

say() { printf '== %s\n' "$*"; }
fail() {
  printf '== failed: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n -- "$@"; fi
}

# Installs the packages of `command=package` pairs whose command is missing; fails when that cannot be done.
need() {
  local pair packages=()
  for pair in "$@"; do
    command -v "${pair%%=*}" > /dev/null || packages+=("${pair#*=}")
  done
  [ ${#packages[@]} -eq 0 ] || install_packages "${packages[@]}"
}

install_packages() {
  say "apt-get install $*"
  command -v apt-get > /dev/null || { say "no apt-get here: install $* yourself" >&2; return 1; }
  if [ ! -e "$tools/apt-updated" ]; then
    as_root apt-get update -qq || return 1
    mkdir -p "$tools" && touch "$tools/apt-updated"
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" > "$tools/apt.log" 2>&1 ||
    { cat "$tools/apt.log" >&2; return 1; }
}
