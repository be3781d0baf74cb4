#!/usr/bin/env bash
# A Docker engine of the tests' own, for a machine that has none. Needs root on Debian 12 or 13.
#
#   engine.sh start KEEP RUN    starts it and prints the variables that lead programs to it
#   engine.sh stop KEEP RUN     ends it with its containers
#
# KEEP holds the programs and the images, for the next time; RUN, a short path, its sockets. The
# machine gets the packages runc, tini and iptables, nothing is started at boot.
set -euo pipefail

verb=${1:?start or stop} keep=$(realpath -m "${2:?a folder to keep}") run=${3:?a folder for sockets}
source "$(dirname "${BASH_SOURCE[0]}")/packages.sh"
# Docker and Compose of Debian 12 are older than named build contexts and quick health checks.
# Those of Debian 13 run there as well; what they start must match the C library and does not.
release=trixie
programs=(docker dockerd docker-proxy containerd containerd-shim-runc-v2 docker-compose docker-buildx)
socket=unix://$run/docker.sock

complain() {
    echo "engine.sh: $*" >&2
    exit 1
}

# Programs of the engine, unpacked into KEEP.
unpack() {
    [ ! -e "$keep/bin/ready" ] || return 0
    rm -rf "$keep/bin" "$keep/debs"
    mkdir -p "$keep/bin" "$keep/debs" "$keep/client/cli-plugins"
    fetch "$keep/debs" "$release" download docker.io docker-cli docker-compose docker-buildx containerd
    local deb program path
    for deb in "$keep"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$keep/debs/root"
    done
    for program in "${programs[@]}"; do
        path=$(find "$keep/debs/root/usr" -type f -perm -u+x -regex ".*\(bin\|cli-plugins\)/$program" |
            head -n 1)
        [ -n "$path" ] || complain "Debian's packages bring no $program"
        mv "$path" "$keep/bin/"
    done
    ln -sf ../../bin/docker-compose ../../bin/docker-buildx "$keep/client/cli-plugins/"
    rm -rf "$keep/debs"
    touch "$keep/bin/ready"
}

install_missing() {
    local missing=() program
    for program in runc tini iptables; do
        command -v "$program" > /dev/null || missing+=("$program")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    local apt=(apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
    "${apt[@]}" update
    DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}" \
        < /dev/null > /dev/null 2>&1 || complain "cannot install ${missing[*]}"
}

answers() {
    "$keep/bin/docker" --host "$socket" version > /dev/null 2>&1
}

start() {
    [ "$(id -u)" = 0 ] || complain "needs root"
    [ -n "$(codename)" ] || complain "needs Debian"
    [ "${#run}" -le 60 ] || complain "$run is too long for the sockets in it"
    mkdir -p "$keep" "$run"
    install_missing
    unpack
    iptables -S FORWARD 2> /dev/null | head -n 1 > "$run/forward"
    # Addresses that no real network has, so that none is hidden.
    PATH=$keep/bin:$PATH setsid dockerd --host "$socket" --data-root "$keep/data" \
        --exec-root "$run/exec" --pidfile "$run/pid" --init-path "$(command -v tini)" \
        --bip 198.19.0.1/24 --default-address-pool base=198.18.0.0/16,size=24 \
        --log-level warn --shutdown-timeout 3 < /dev/null > "$run/log" 2>&1 &
    local daemon=$! tries=0
    # Each try takes its time; the engine needs one to two seconds.
    until answers; do
        if [ $((tries += 1)) -gt 200 ] || [ ! -e "/proc/$daemon" ]; then
            tail -n 20 "$run/log" >&2
            stop
            complain "the engine does not start"
        fi
        sleep 0.1
    done
    cat << END
export DOCKER_HOST='$socket' DOCKER_CONFIG='$keep/client' PATH='$keep/bin':"\$PATH"
export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1
export TESTCONTAINERS_CONNECTION_MODE=docker_host
END
}

stop() {
    local daemon bridge networks tries=0
    networks=$("$keep/bin/docker" --host "$socket" network ls -q --filter driver=bridge || true)
    if daemon=$(cat "$run/pid" 2> /dev/null) && kill "$daemon"; then
        while [ -e "/proc/$daemon" ]; do
            [ $((tries += 1)) -le 300 ] || complain "process $daemon does not end"
            sleep 0.1
        done
    fi
    # What the engine leaves on the machine.
    awk -v keep="$keep/" -v run="$run/" 'index($2, keep) == 1 || index($2, run) == 1 { print $2 }' \
        /proc/mounts | sort -r | xargs -r umount
    for bridge in docker0 $(printf 'br-%s ' $networks); do
        ip link delete "$bridge" 2> /dev/null || true
    done
    if [ "$(cat "$run/forward" 2> /dev/null)" = '-P FORWARD ACCEPT' ]; then iptables -P FORWARD ACCEPT; fi
    rm -rf "$run"
}

"$verb"
