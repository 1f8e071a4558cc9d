#!/usr/bin/env bash
# Builds Sobolev, starts a server with an empty store, and runs the main job through it: simulate a
# basket option, upload samples with their gradients, train on values alone and on values and
# gradients, compare both with the closed form.
#
#   deploy/quickstart.sh [--keep] [--json]
#
# --keep leaves the server running, --json prints the result as one JSON object on the last line.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=false
example_flags=()
for argument in "$@"; do
  case "$argument" in
    --keep) keep=true ;;
    --json) example_flags+=(--json) ;;
    -h | --help)
      sed -n '2,/^set/{/^# \{0,1\}/s///p}' "$0"
      exit
      ;;
    *)
      echo "quickstart.sh: expected --keep or --json, got '$argument'" >&2
      exit 2
      ;;
  esac
done

build=build/release
log=build/quickstart.log
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sobolev-quickstart.XXXXXX")
server_pid=

say() { echo "$*" >&2; }

# Runs a command silently; shows the end of what it said if it fails.
quietly() {
  local what=$1
  shift
  say "$what"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    say "quickstart.sh: failed: $what (all of it: $log)"
    exit 1
  fi
}

stop_server() {
  if [[ -z "$server_pid" ]]; then return; fi
  kill -TERM "$server_pid" 2>/dev/null || true
  local code=0
  wait "$server_pid" || code=$?
  server_pid=
  return "$code"
}

clean_up() {
  local code=$?
  stop_server || true
  rm -rf "$scratch"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir -p build
./deploy/install-deps.sh build >&2
if [[ ! -f $build/build.ninja ]]; then
  quietly "Configuring" cmake --preset release -DSOBOLEV_TESTS=OFF
fi
quietly "Building (a few minutes the first time)" cmake --build --preset release \
  --parallel "$(nproc)" --target sobolev-server sobolev sobolev-quickstart

say "Starting the server"
# In a session of its own, so that Ctrl-C here does not stop a kept server.
setsid "$build/server/sobolev-server" --listen 127.0.0.1:0 --metrics 127.0.0.1:0 --gateway off \
  --data-dir "$scratch/data" --port-file "$scratch/ports" --log-format json \
  </dev/null >"$scratch/server.log" 2>&1 &
server_pid=$!
for ((i = 0; i < 300; ++i)); do
  if [[ -s "$scratch/ports" ]]; then break; fi
  if ! kill -0 "$server_pid" 2>/dev/null; then break; fi
  sleep 0.1
done
if [[ ! -s "$scratch/ports" ]]; then
  cat "$scratch/server.log" >&2
  say "quickstart.sh: the server did not start"
  exit 1
fi
grpc=$(sed -n 's/^grpc=//p' "$scratch/ports")
metrics=$(sed -n 's/^metrics=//p' "$scratch/ports")

if $keep; then
  say "The server stays up as process $server_pid:"
  say "  gRPC     $grpc"
  say "  metrics  http://$metrics/metrics"
  say "  data     $scratch/data"
  say "  log      $scratch/server.log"
  say "Talk to it:  $build/client/cli/sobolev --server $grpc model list"
  say "Stop it:     kill $server_pid"
fi
say "Running the main job"
if ! "$build/client/examples/sobolev-quickstart" --server "$grpc" "${example_flags[@]}"; then
  tail -n 20 "$scratch/server.log" >&2
  say "quickstart.sh: the example failed; above are the last lines of the server's log"
  exit 1
fi

if $keep; then
  trap - EXIT
elif ! stop_server; then
  tail -n 20 "$scratch/server.log" >&2
  say "quickstart.sh: the server did not stop cleanly; above are the last lines of its log"
  exit 1
fi
