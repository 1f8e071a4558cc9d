#!/usr/bin/env bash
# Installs what is missing, builds the release preset, and runs every test: C++ (ctest), Python,
# end to end, clients of other projects, container. The last lines say what passed.
#
#   tests/run.sh [--no-install] [--no-container] [--fast]
#
# --no-install uses what is installed; --no-container leaves the container test out, which builds the
# image and takes minutes; --fast leaves out that and the benchmarks (ctest label bench).
set -euo pipefail
cd "$(dirname "$0")/.."

install=true
container=true
ctest_flags=()
for argument in "$@"; do
  case "$argument" in
    --no-install) install=false ;;
    --no-container) container=false ;;
    --fast)
      container=false
      ctest_flags+=(--label-exclude bench)
      ;;
    -h | --help)
      sed -n '2,/^set/{/^# \{0,1\}/s///p}' "$0"
      exit
      ;;
    *)
      echo "run.sh: expected --no-install, --no-container or --fast, got '$argument'" >&2
      exit 2
      ;;
  esac
done

build=build/release
venv=build/venv
interop=build/interop
summary=()
failed=false

# stage NAME COMMAND...: runs it, notes the outcome; exit code 77 means skipped.
stage() {
  local name=$1 start=$SECONDS code=0 outcome
  shift
  printf '\n== %s\n' "$name"
  "$@" || code=$?
  case $code in
    0) outcome=passed ;;
    77) outcome=skipped ;;
    *)
      outcome=FAILED
      failed=true
      ;;
  esac
  summary+=("$(printf '%-8s %5d s  %s' "$outcome" $((SECONDS - start)) "$name")")
  [[ $outcome != FAILED ]]
}

finish() {
  printf '\n== Summary\n'
  printf '%s\n' "${summary[@]}"
  if $failed; then
    echo "FAILED"
    exit 1
  fi
  echo "All tests passed."
  exit 0
}

# The stages run with errexit off: each command says what happens if it fails.
install_packages() {
  ./deploy/install-deps.sh build test || return
  # Without root the container test skips itself.
  if ! $container || ((EUID != 0)); then return; fi
  ./deploy/install-deps.sh container
}

build_all() {
  if ! cmake --preset release -DSOBOLEV_TESTS=ON >build/configure.log 2>&1; then
    cat build/configure.log
    return 1
  fi
  cmake --build --preset release --parallel "$(nproc)"
}

python_environment() {
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv" || return
  # From a copy, because building a package leaves files next to its sources.
  rm -rf build/python && cp -r client/python build/python &&
    "$venv/bin/pip" install --quiet './build/python[test]'
}

# One of its own, with the newest releases of what other projects ask for.
interoperability() {
  [[ -x $interop/bin/python ]] || python3 -m venv "$interop" || return
  "$interop/bin/pip" install --quiet ./build/python --requirement tests/interop/requirements.txt ||
    return
  "$interop/bin/python" -m pytest -q -p no:cacheprovider tests/interop
}

mkdir -p build
if $install; then stage "Install Debian packages" install_packages || finish; fi
stage "Build" build_all || finish
stage "C++ tests and lints" ctest --preset release "${ctest_flags[@]}" || true
if stage "Python environment" python_environment; then
  # The tests find the programs under test there.
  export SOBOLEV_BUILD_DIR=$PWD/$build
  export PATH=$PWD/$build/client/cli:$PWD/$build/server:$PATH
  stage "Python and end-to-end tests" \
    "$venv/bin/python" -m pytest -q -p no:cacheprovider tests/client/python tests/e2e || true
  stage "Interoperability" interoperability || true
fi
if $container; then stage "Container test" ./tests/e2e/container_test.sh || true; fi
finish
