#!/bin/bash
# Brings up what the tests marked `swarm_nodes` need: a swarm of three engines on this machine, each in a network
# namespace of its own. The engine of docker-up.sh and its swarm are not touched. Safe to run again, also while another
# run is under way. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$here/swarm-nodes-lib.sh"

main() {
  local started number
  started=$(now_ms)
  [ "$(id -u)" = 0 ] || fail "only root can make network namespaces and engines"
  lock
  mkdir -p -m 700 "$state"
  need dockerd:docker.io ip:iproute2 iptables:iptables socat:socat
  make_bridge
  offer_registry
  for number in "${nodes[@]}"; do
    make_namespace "$number"
    start_node "$number"
  done
  for number in "${nodes[@]}"; do wait_until "node $number answers" answers "$number"; done
  for number in "${nodes[@]}"; do join_swarm "$number"; done
  wait_until "all nodes are ready" all_ready
  echo "swarm of nodes unix://$state/node1.sock manages ${#nodes[@]} nodes, ready in $(($(now_ms) - started)) ms"
}

# Not on loopback, where engines in other namespaces cannot meet; a bridge without an uplink is as private.
make_bridge() {
  ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
  ip -4 -o addr show dev "$bridge" | grep -q "$network.1/" || ip addr add "$network.1/24" dev "$bridge"
  ip link set "$bridge" up
  # Where the kernel filters bridged frames too, Docker's policy would drop them.
  iptables -C FORWARD -i "$bridge" -o "$bridge" -j ACCEPT 2>/dev/null || iptables -I FORWARD -i "$bridge" -o "$bridge" -j ACCEPT
}

# The plain registry listens on this machine's loopback. Through a socket that a namespace shares, each node has it on a
# loopback of its own: one reference is right everywhere, and nothing listens on a network.
offer_registry() {
  alive registry-out >/dev/null || start registry-out socat "UNIX-LISTEN:$state/registry.sock,fork,unlink-early,mode=600" \
    "TCP:127.0.0.1:$plain_port"
}

make_namespace() {
  local name=popdeploy$1 link=popdeploy-v$1
  [ -e "/run/netns/$name" ] || ip netns add "$name"
  if ! ip link show "$link" >/dev/null 2>&1; then ip link add "$link" type veth peer name eth0 netns "$name"; fi
  ip link set "$link" master "$bridge" up
  ip -n "$name" link set lo up
  ip -n "$name" -4 -o addr show dev eth0 | grep -q "$(address "$1")/" || ip -n "$name" addr add "$(address "$1")/24" dev eth0
  ip -n "$name" link set eth0 up
  alive "registry-in$1" >/dev/null || start "registry-in$1" nsenter --net="/run/netns/$name" \
    socat "TCP-LISTEN:$plain_port,bind=127.0.0.1,fork,reuseaddr" "UNIX-CONNECT:$state/registry.sock"
}

# A host name of its own too: Swarm shows it, and placement asks for it.
start_node() {
  alive "node$1" >/dev/null && return
  rm -f "$state/node$1.docker.pid"
  start "node$1" nsenter --net="/run/netns/popdeploy$1" unshare --uts sh -c 'hostname "$0" && exec "$@"' "node$1" \
    dockerd --host "unix://$state/node$1.sock" --data-root "$state/node$1/data" --exec-root "$state/node$1/run" \
    --pidfile "$state/node$1.docker.pid" --bip "172.3$1.0.1/16"
}

answers() { [ -n "$(timeout 20 docker --host "unix://$state/node$1.sock" version -f '{{.Server.Version}}' 2>/dev/null)" ]; }

join_swarm() {
  [ "$(at "$1" info -f '{{.Swarm.LocalNodeState}}')" = inactive ] || return 0
  if [ "$1" = 1 ]; then
    at 1 swarm init --advertise-addr "$(address 1)" --listen-addr "$(address 1)" >/dev/null
  else
    at "$1" swarm join --token "$(at 1 swarm join-token --quiet worker)" --advertise-addr "$(address "$1")" \
      --listen-addr "$(address "$1")" "$(address 1):2377" >/dev/null
  fi
}

all_ready() { [ "$(at 1 node ls --format '{{.Status}}' 2>/dev/null | grep -c '^Ready$')" = ${#nodes[@]} ]; }

main
