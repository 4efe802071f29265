#!/bin/bash
# Brings up what the tests marked `postgres` need: a server of this user's own on loopback. Safe to run again, also while
# another run is under way. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local started
  started=$(now_ms)
  lock
  if ! answers; then
    install_server
    make_cluster
    alive postgres >/dev/null || start_server
  fi
  wait_until "PostgreSQL answers" answers
  echo "PostgreSQL     127.0.0.1:$postgres_port, user $user, ready in $(($(now_ms) - started)) ms"
}

programs() { find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -1; }

install_server() {
  [ -z "$(programs)" ] || return 0
  [ "$(id -u)" = 0 ] || fail "no PostgreSQL server is installed, and only root can install one"
  # Debian would make and start a cluster of its own.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  install postgresql
}

# The server refuses to run as root.
as_server() {
  if [ "$(id -u)" != 0 ]; then "$@"; else (cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@"); fi
}

make_cluster() {
  [ ! -e "$postgres_data/PG_VERSION" ] || return 0
  rm -rf "$postgres_data"
  mkdir -m 700 "$postgres_data"
  local secret
  secret=$(mktemp /var/tmp/pop-deploy-postgres.XXXXXX)
  echo "$password" >"$secret"
  [ "$(id -u)" != 0 ] || chown postgres:postgres "$postgres_data" "$secret"
  as_server "$(programs)/initdb" --pgdata="$postgres_data" --username="$user" --pwfile="$secret" \
    --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$state/initdb.log" 2>&1 ||
    fail "initdb failed, see $state/initdb.log"
  rm "$secret"
}

start_server() {
  local server=(setsid nohup "$(programs)/postgres" -D "$postgres_data" -p "$postgres_port" -c listen_addresses=127.0.0.1
    -c unix_socket_directories= -c max_connections=200 -c shared_buffers=128MB -c log_lock_waits=on)
  rm -f "$postgres_data/postmaster.pid"
  cd /
  if [ "$(id -u)" = 0 ]; then server=(setpriv --reuid=postgres --regid=postgres --init-groups "${server[@]}"); fi
  "${server[@]}" >"$state/postgres.log" 2>&1 </dev/null 9>&- &
  identity $! >"$state/postgres.pid" || fail "PostgreSQL ended at once, see $state/postgres.log"
}

answers() {
  local at
  at=$(programs)
  [ -n "$at" ] && PGPASSWORD=$password PGCONNECT_TIMEOUT=3 "$at/psql" -h 127.0.0.1 -p "$postgres_port" -U "$user" -d postgres \
    -Atqc "SELECT 1" >/dev/null 2>&1
}

main
