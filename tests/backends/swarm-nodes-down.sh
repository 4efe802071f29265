#!/bin/bash
# Ends what swarm-nodes-up.sh started, with all that its nodes hold, and nothing else.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$here/swarm-nodes-lib.sh"

lock
for number in "${nodes[@]}"; do
  stop "node$number"
  stop "registry-in$number"
  if [ -e "/run/netns/popdeploy$number" ]; then ip netns del "popdeploy$number"; fi
done
stop registry-out
if ip link show "$bridge" >/dev/null 2>&1; then ip link del "$bridge"; fi
while iptables -D FORWARD -i "$bridge" -o "$bridge" -j ACCEPT 2>/dev/null; do :; done
while read -r mount; do umount --lazy "$mount"; done < <(
  awk -v under="$state/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r)
rm -rf "$state"
