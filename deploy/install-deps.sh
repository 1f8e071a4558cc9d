#!/usr/bin/env bash
# Installs the Debian packages that Sobolev needs; installs nothing that is there already.
#
#   deploy/install-deps.sh [--list] [GROUP...]
#
# Groups: build (compile server and clients), test (run all tests and lints), fuzz (build and run
# the fuzzers), container (the container test), runtime (only what the finished binaries load).
# Without a group: build and test.
# --list prints the packages instead.
set -euo pipefail

# shellcheck disable=SC2034  # The lists are read by name, through group_packages.
{
  build_packages=(
    ccache
    cmake
    g++
    git
    golang-github-gogo-googleapis-dev  # google/rpc/error_details.proto.
    grpc-proto  # grpc/health/v1/health.proto.
    libcli11-dev
    libcpp-httplib-dev
    libeigen3-dev
    libgrpc++-dev
    libprotobuf-dev
    libspdlog-dev
    libsqlite3-dev
    libssl-dev
    libtbb-dev
    ninja-build
    nlohmann-json3-dev
    pkg-config
    prometheus-cpp-dev
    protobuf-compiler
    protobuf-compiler-grpc
    tao-pegtl-dev
  )
  test_packages=(
    clang-format
    clang-tidy
    curl
    haproxy
    libbenchmark-dev
    libgmock-dev
    libgtest-dev
    openssl
    python3
    python3-venv
    shellcheck
  )
  fuzz_packages=(
    clang-14
    libclang-rt-14-dev
  )
  container_packages=(
    aardvark-dns
    buildah
    ca-certificates
    conmon
    curl
    debootstrap
    iptables
    netavark
    podman
    podman-compose
    runc
    uidmap
  )
  runtime_packages=(
    ca-certificates
    libcpp-httplib0.11
    libgrpc++1.51
    libprometheus-cpp-core1.0
    libprotobuf32
    libspdlog1.10
    libsqlite3-0
    libssl3
    libtbb12
  )
}

list_only=false
groups=()
for argument in "$@"; do
  case "$argument" in
    --list) list_only=true ;;
    build | test | fuzz | container | runtime) groups+=("$argument") ;;
    *)
      echo "install-deps.sh: expected --list, build, test, fuzz, container or runtime, got '$argument'" >&2
      exit 2
      ;;
  esac
done
if ((${#groups[@]} == 0)); then groups=(build test); fi

packages=()
for group in "${groups[@]}"; do
  declare -n group_packages="${group}_packages"
  packages+=("${group_packages[@]}")
done
if $list_only; then
  printf '%s\n' "${packages[@]}" | sort -u
  exit
fi

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  if [[ "$state" != "install ok installed" ]]; then missing+=("$package"); fi
done
if ((${#missing[@]} == 0)); then exit; fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "install-deps.sh: run this as root (sudo is not installed): ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null
