#!/bin/bash
# Ends the cluster that `kubernetes-up.sh kubelet` or `kubernetes-up.sh fake` started with the same settings, its pods,
# and nothing else. `kubernetes-down.sh MODE wipe` also removes what it stored, its tokens and its logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$here/kubernetes-lib.sh"

main() {
  choose_mode "${1:-}"
  lock
  local name
  # The node first, else the control plane would make its pods anew.
  for name in kube-proxy kubelet fake-kubelet kube-scheduler kube-controller-manager kube-apiserver etcd; do stop "$name"; done
  if [ "$mode" = kubelet ] && [ "$(id -u)" = 0 ]; then clear_node; fi
  if [ "${2:-}" = wipe ]; then rm -rf "$state"; fi
}

# What a kubelet and a kube-proxy leave when they end: running pods, its directory mounted on itself, mounted
# secrets, rules of the firewall.
clear_node() {
  local sandboxes sandbox mount
  sandboxes=$(docker container ls --all --quiet --no-trunc --filter "ancestor=$pause" 2>/dev/null || true)
  for sandbox in $sandboxes; do
    docker container ls --all --quiet --filter "label=io.kubernetes.sandbox.id=$sandbox" | xargs --no-run-if-empty docker rm --force --volumes
    docker rm --force "$sandbox"
  done >/dev/null
  while read -r mount; do umount --lazy "$mount"; done < <(
    awk -v under="$state/kubelet" '$2 == under || index($2, under "/") == 1 { print $2 }' /proc/mounts | sort -r)
  [ ! -x "$programs/kube-proxy" ] || timeout 60 "$programs/kube-proxy" --cleanup >/dev/null 2>&1 || true
}

main "$@"
