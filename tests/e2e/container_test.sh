#!/usr/bin/env bash
# Builds deploy/Dockerfile and runs it, alone and with deploy/compose.yaml, without a container
# engine's daemon and without an image registry: the base image is made from the Debian mirror that
# this machine's apt uses.
#
#   tests/e2e/container_test.sh [--image NAME]
#
# --image tests that image instead of building one. Images are kept in build/container, which makes
# the second run fast. Exits with 77, saying why, where containers cannot run.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=
case "${1-}" in
  "") ;;
  --image) image=${2:?name of the image} ;;
  *)
    echo "container_test.sh: expected --image NAME, got '$1'" >&2
    exit 2
    ;;
esac

say() { echo "-- $*"; }
skip() {
  echo "skipped: $*"
  exit 77
}
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

((EUID == 0)) || skip "containers need root here"
for tool in buildah podman runc debootstrap podman-compose curl nsenter; do
  command -v "$tool" >/dev/null ||
    skip "$tool is not installed; deploy/install-deps.sh container installs it"
done

# ---- Settings of our own, so that the machine's containers are left alone -------------------------
state=$PWD/build/container
mkdir -p "$state"
export CONTAINERS_STORAGE_CONF=$state/storage.conf CONTAINERS_CONF=$state/containers.conf
cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$state/storage"
runroot = "/run/sobolev-container-test"
END
cat >"$CONTAINERS_CONF" <<END
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=8192:8192", "nproc=4096:4096"]
END

# Without systemd, podman says so at every start and stop.
quiet_podman() {
  podman "$@" 2> >(grep -v 'systemd\|SYSTEMD' >&2 || true)
}

base=localhost/sobolev-test-base
server=sobolev-test
compose=(podman-compose -p sobolev-test -f deploy/compose.yaml)
clean_up() {
  local code=$?
  quiet_podman rm -f -t 0 "$server" >/dev/null 2>&1 || true
  "${compose[@]}" down -v -t 1 >/dev/null 2>&1 || true
  podman volume rm -f sobolev-test-data >/dev/null 2>&1 || true
  podman network rm -f sobolev-test_default sobolev-test-probe >/dev/null 2>&1 || true
  exit "$code"
}
trap clean_up EXIT

# ---- The base image -------------------------------------------------------------------------------
make_base() {
  local suites mirror rootfs=$state/rootfs
  # shellcheck disable=SC2016  # apt's own variables.
  suites=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk '$2 ~ /^bookworm/ && $3 == "main" { print $1, $2 }' | sort -u)
  mirror=$(awk '$2 == "bookworm" || $2 == "bookworm-updates" { print $1; exit }' <<<"$suites")
  [[ -n "$mirror" ]] || skip "apt has no mirror of Debian 12 (bookworm)"
  say "Making a base image of Debian 12"
  rm -rf "$rootfs"
  debootstrap --variant=minbase --include=ca-certificates bookworm "$rootfs" "$mirror" \
    >"$state/debootstrap.log" 2>&1 || {
    tail -n 5 "$state/debootstrap.log"
    skip "debootstrap does not work here"
  }
  awk '{ print "deb", $1, $2, "main" }' <<<"$suites" >"$rootfs/etc/apt/sources.list"
  apt-config dump | grep -E '^Acquire::(http|https|Retries|Check)' \
    >"$rootfs/etc/apt/apt.conf.d/90-as-the-host" || true
  cp /etc/ssl/certs/ca-certificates.crt "$rootfs/etc/ssl/certs/"
  tar -C "$rootfs" -cf "$state/base.tar" .
  podman import "$state/base.tar" "$base" >/dev/null 2>&1 || skip "podman cannot store images here"
  rm -rf "$rootfs" "$state/base.tar"
}
podman image exists "$base" || make_base
podman run --rm --network none "$base" true >"$state/preflight.log" 2>&1 || {
  tail -n 3 "$state/preflight.log"
  skip "podman cannot run containers here"
}

# ---- Build ----------------------------------------------------------------------------------------
if [[ -z "$image" ]]; then
  image=localhost/sobolev-test
  say "Building deploy/Dockerfile (minutes the first time)"
  buildah bud --isolation chroot --format docker --layers --build-arg BASE="$base" \
    --build-arg JOBS="$(nproc)" -t "$image" -f deploy/Dockerfile . >"$state/build.log" 2>&1 || {
    tail -n 40 "$state/build.log"
    fail "deploy/Dockerfile does not build (all of it: $state/build.log)"
  }
fi

# ---- Alone: no network but loopback, no capabilities, read-only root -------------------------------
# until_true SECONDS COMMAND...: whether it succeeds within that time.
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.3
  done
}
healthy() { quiet_podman healthcheck run "$server"; }
in_network() { nsenter -n -t "$(podman inspect -f '{{.State.Pid}}' "$server")" "$@"; }
in_server() { podman exec "$server" "$@"; }

say "Running the server alone"
quiet_podman run -d --name "$server" --network none --read-only --cap-drop all \
  --security-opt no-new-privileges --memory 512m -v sobolev-test-data:/var/lib/sobolev "$image" \
  >/dev/null
until_true 20 healthy || {
  podman logs "$server"
  fail "the container does not become healthy"
}
[[ $(in_server id -u) == 65532 ]] || fail "the server does not run as user 65532"
if in_server touch /usr/local/bin/x 2>/dev/null; then fail "the root file system is writable"; fi
in_network curl -sf http://127.0.0.1:9464/healthz | grep -q '"SERVING"' || fail "/healthz"
in_network curl -sf http://127.0.0.1:9464/metrics >"$state/metrics" || fail "/metrics"

say "Storing data, stopping and starting again"
in_server sobolev dataset create kept --inputs x --outputs y >/dev/null
stopping=$SECONDS
quiet_podman stop -t 40 "$server" >/dev/null
code=$(podman inspect -f '{{.State.ExitCode}}' "$server")
[[ $code == 0 ]] || {
  podman logs "$server"
  fail "exit code $code after SIGTERM, expected 0"
}
((SECONDS - stopping < 35)) || fail "the drain took $((SECONDS - stopping)) s"
quiet_podman start "$server" >/dev/null
until_true 20 healthy || fail "the container does not become healthy again"
in_server sobolev dataset show kept >/dev/null || fail "the dataset is gone after a restart"
podman logs "$server" 2>&1 | grep '^{' | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines and all({"time", "level", "msg"} <= line.keys() for line in lines), lines
' || fail "the log is not one JSON object per line"
quiet_podman rm -f -t 10 "$server" >/dev/null

# ---- What Prometheus thinks of us ------------------------------------------------------------------
prometheus=localhost/sobolev-test-prometheus
if ! podman image exists "$prometheus"; then
  say "Making a Prometheus image"
  buildah bud --isolation chroot --format docker --build-arg BASE="$base" -t "$prometheus" -f - \
    >"$state/prometheus.log" 2>&1 <<'END' || fail "the Prometheus image does not build: $state/prometheus.log"
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends prometheus && \
    install -d -o 65534 -g 65534 /prometheus
USER 65534:65534
VOLUME /prometheus
ENTRYPOINT ["prometheus", "--config.file=/etc/prometheus/prometheus.yml", \
            "--storage.tsdb.path=/prometheus"]
END
fi
promtool() {
  podman run --rm -i --network none -v "$PWD/deploy:/deploy:ro" --entrypoint promtool "$prometheus" "$@"
}
promtool check config /deploy/prometheus.yml >/dev/null || fail "deploy/prometheus.yml"
complaints=$(promtool check metrics <"$state/metrics" 2>&1) && [[ -z "$complaints" ]] ||
  fail "promtool about /metrics: $complaints"

# ---- With Prometheus ------------------------------------------------------------------------------
podman network create sobolev-test-probe >/dev/null 2>&1 &&
  podman run --rm --network sobolev-test-probe "$base" true >"$state/bridge.log" 2>&1 || {
  podman network rm -f sobolev-test-probe >/dev/null 2>&1 || true
  say "This machine has no bridge networks: deploy/compose.yaml was not run"
  echo "passed: the container alone"
  exit 0
}
podman network rm -f sobolev-test-probe >/dev/null

say "Running deploy/compose.yaml"
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
SOBOLEV_PORT=$(free_port)
PROMETHEUS_PORT=$(free_port)
export SOBOLEV_PORT PROMETHEUS_PORT SOBOLEV_IMAGE=$image PROMETHEUS_IMAGE=$prometheus
"${compose[@]}" up -d --no-build >"$state/compose.log" 2>&1 || {
  tail -n 20 "$state/compose.log"
  fail "deploy/compose.yaml does not start"
}
# prometheus_says QUERY TEXT: whether the answer to the query holds the text.
prometheus_says() {
  curl -sf -G --data-urlencode "query=$1" "http://127.0.0.1:$PROMETHEUS_PORT/api/v1/query" |
    grep -q "$2"
}
until_true 60 prometheus_says 'up{job="sobolev"} == 1' '"value"' || {
  "${compose[@]}" logs
  fail "Prometheus does not see the server up"
}
until_true 20 prometheus_says 'sobolev_build_info' '"version"' || fail "no sobolev_build_info"
echo "passed: the container alone, and with Prometheus"
