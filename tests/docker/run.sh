#!/usr/bin/env bash
# Builds the image around a binary and tries it on a real Docker engine.
#
#   tests/docker/run.sh BINARY PYTHON [CHECK…]
#
# PYTHON has kafka-python and testcontainers. An engine that answers is used; else one is started,
# and ended afterwards. Exit status 77: there is no engine and none can be started here.
set -euo pipefail

binary=$(realpath "${1:?a binary}") python=${2:?an interpreter}
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/docker/packages.sh
keep=$PWD/target/docker run='' scratch='' engine=''
debian=$(codename)

skip() {
    echo "SKIPPED: $*"
    exit 77
}

clean() {
    local status=$?
    [ -z "$scratch" ] || rm -rf "$scratch"
    if [ -n "$engine" ]; then
        docker image prune -f > /dev/null || true
        timeout 60 tests/docker/engine.sh stop "$keep" "$run" || status=1
    fi
    [ -z "$run" ] || rm -rf "$run"
    exit "$status"
}

ready() {
    docker version && docker buildx version && docker compose version
}

trap clean EXIT
trap 'exit 143' TERM INT

if ! ready > /dev/null 2>&1; then
    [ "$(id -u)" = 0 ] && [ -n "$debian" ] || skip "no Docker engine runs, and only root on Debian starts one"
    # Two engines would take each other's bridge.
    exec 9> /tmp/ottla-docker.lock
    flock -w 900 9 || skip "another run does not end"
    run=$(mktemp -d /tmp/ottla-docker.XXXXXX)
    lead=$(timeout 300 tests/docker/engine.sh start "$keep" "$run" 9>&-) || skip "no Docker engine can be started"
    engine=own
    eval "$lead"
fi

base=debian:${debian:-bookworm}-slim
if ! docker image inspect "$base" > /dev/null 2>&1; then
    timeout 60 docker pull -q "$base" > /dev/null 2>&1 || tests/docker/base.sh
fi
scratch=$(mktemp -d "$PWD/target/docker-scratch.XXXXXX")
# Debug symbols of a test build would make the image ten times as large.
strip -o "$scratch/ottla" "$binary"
docker build -q --network none --build-context "build=$scratch" --build-arg "DEBIAN=${debian:-bookworm}" \
    -f compose/Dockerfile -t ottla:test . > /dev/null
if ! docker run --rm ottla:test ottla --version > /dev/null; then
    [ -z "$debian" ] && skip "a binary of this system does not run on Debian"
    exit 1
fi

timeout -k 30 450 "$python" tests/docker/check.py ottla:test "$scratch" "$@"
