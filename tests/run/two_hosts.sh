#!/bin/sh
# Two hosts that share a folder and see each other through a cable: network, processes and name of their own. Needs root.
# usage: two_hosts.sh PROCESSES-PER-HOST ARGUMENTS-OF-VITSCOPE…
set -eu
each=$1
shift
names=$(mktemp)
printf '127.0.0.1 localhost\n10.77.0.1 vit1\n10.77.0.2 vit2\n' >"$names"
ip netns add vit1
ip netns add vit2
trap 'ip netns del vit1; ip netns del vit2; rm "$names"' EXIT
ip link add veth1 netns vit1 type veth peer name veth2 netns vit2
start() { # the number of the host, then a command
    ip -n "vit$1" link set lo up
    ip -n "vit$1" addr add "10.77.0.$1/24" dev "veth$1"
    ip -n "vit$1" link set "veth$1" up
    export HOST="vit$1" NAMES="$names"
    shift
    # shellcheck disable=SC2016
    ip netns exec "$HOST" unshare --uts --mount --pid --fork --mount-proc --kill-child sh -c \
        'hostname "$HOST"; mount --bind "$NAMES" /etc/hosts; exec "$@"' sh "$@"
}
for host in 1 2; do
    start "$host" "${PYTHON:-python}" -m torch.distributed.run --nnodes 2 --nproc-per-node "$each" --rdzv-id 7 \
        --rdzv-backend c10d --rdzv-endpoint vit1:29400 -m vitscope "$@" &
    eval "host$host=$!"
done
code=0
wait "$host1" || code=$?
wait "$host2" || code=$?
exit "$code"
