# Installs what building and testing need and the machine lacks; sourced by tests/run and deploy/cross-build.
# shellcheck shell=bash
#
# A bare Debian machine with Rust is enough to start from: the rest are Debian packages, installed as root
# or through sudo, and Python packages and programs of crates.io in exact versions below the checkout.

python_tools="$PWD/.cache/venv"
cargo_tools=${CARGO_TOOLS:-$PWD/.cache/cargo}
# What we take from crates.io, each in the version that was tried.
declare -A cargo_tool_versions=(
  [cargo-auditable]=0.7.7
  [cargo-cyclonedx]=0.5.9
  [cargo-deb]=3.8.0
  [cargo-fuzz]=0.13.2
  [rust-audit-info]=0.5.4
)

# Says what went wrong and what to do, and ends the script.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$*' needs root; run it as root, or install sudo"
  fi
}

# debian_packages NAME...: installs those that are missing.
debian_packages() {
  local name missing=()
  for name in "$@"; do
    [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
      missing+=("$name")
  done
  ((${#missing[@]})) || return 0
  echo "installing Debian packages: ${missing[*]}"
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "${missing[@]}" </dev/null
}

# python_packages REQUIREMENTS: installs the exact versions that the file lists, in .cache/venv.
python_packages() {
  local requirements=$1
  local installed=$python_tools/installed-${requirements//\//-}
  [[ -x $python_tools/bin/pip ]] || make_virtual_environment
  cmp --silent "$requirements" "$installed" && return
  echo "installing Python packages of $requirements"
  "$python_tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
  cp "$requirements" "$installed"
}

# cargo_tool NAME...: installs programs of crates.io, in .cache/cargo. With cargo_tool_profile=--debug they are
# built in a quarter of the time, for what runs for a second only.
cargo_tool() {
  local name version
  for name in "$@"; do
    version=${cargo_tool_versions[$name]}
    grep --quiet --no-messages "^\"$name $version " "$cargo_tools/.crates.toml" && continue
    echo "installing $name $version of crates.io"
    CARGO_TARGET_DIR=$PWD/target/tools \
      cargo install --quiet --locked ${cargo_tool_profile:+"$cargo_tool_profile"} --root "$cargo_tools" --version "=$version" "$name"
  done
}

make_virtual_environment() {
  python3 -c 'import ensurepip' 2>/dev/null || debian_packages python3 python3-venv
  python3 -m venv "$python_tools"
}
