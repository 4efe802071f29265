#!/bin/bash
# Installs what the tests marked `prometheus` need: Debian's Prometheus. It starts none: each test that wants one starts
# its own and ends it (prometheus.py). Safe to run again. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

lock
need prometheus:prometheus
echo "Prometheus     $(prometheus --version 2>&1 | awk 'NR == 1 { print $3 }')"
