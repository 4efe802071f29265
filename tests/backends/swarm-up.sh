#!/bin/bash
# Brings up what the tests of the swarm target need besides docker-up.sh: the engine manages a swarm of its own, on loopback only.
# Safe to run again. A swarm that exists is used as it is. See README.md.
set -euo pipefail

main() {
  case $(docker info --format '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}}') in
    "active true") ;;
    inactive*) docker swarm init --advertise-addr 127.0.0.1 --listen-addr 127.0.0.1 >/dev/null ;;
    *) echo "swarm-up.sh: the engine belongs to a swarm that it does not manage" >&2; return 1 ;;
  esac
  echo "swarm ready: $(docker node ls --format '{{.Hostname}} {{.Status}}' | tr '\n' ' ')"
}

main
