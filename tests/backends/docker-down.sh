#!/bin/bash
# Ends what docker-up.sh started with the same settings, and nothing else. `docker-down.sh wipe` also removes what the
# registries stored, the certificate and the logs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

lock
stop auth-registry
stop registry
stop engine
if cmp -s "$state/tls.crt" "$certs/ca.crt"; then rm -r "$certs"; fi
if [ "${1:-}" = wipe ]; then
  rm -rf "$state"/{registry,auth-registry}{,.yml,.log} "$state"/{engine.log,apt.log,tls.crt,tls.key,htpasswd}
fi
