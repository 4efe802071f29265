#!/bin/bash
# Ends what postgres-up.sh started, and nothing else. `postgres-down.sh wipe` also removes its data.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

lock
stop postgres
if [ "${1:-}" = wipe ]; then
  rm -rf "$postgres_data" "$state"/{postgres,initdb}.log
fi
