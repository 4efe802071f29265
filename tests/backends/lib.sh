# Shared by the scripts that start and end back-ends; sourced, not run.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pop-deploy-backends
state=${POP_DEPLOY_BACKENDS_STATE:-$cache/run}
plain_port=${POP_DEPLOY_REGISTRY_PORT:-5001}
auth_port=${POP_DEPLOY_AUTH_REGISTRY_PORT:-5443}
user=ci
password=s3cret
certs=/etc/docker/certs.d/localhost:$auth_port
postgres_port=${POP_DEPLOY_POSTGRES_PORT:-54329}
# Not under the home directory: the server runs as a user of its own, who may not look into it.
postgres_data=${POP_DEPLOY_POSTGRES_DATA:-/var/tmp/pop-deploy-postgres-$(id -u)}

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# One lock for all instances: they share apt, the plugins and the engine.
lock() {
  mkdir -p "$cache" "$state"
  exec 9>"$cache/lock"
  flock -w 600 9 || fail "another run has held $cache/lock for 600 s"
}

now_ms() { date +%s%3N; }

# A pid alone can belong to somebody else after a while; with the start time (clock ticks since boot) and the boot's
# ID it names one process for ever.
identity() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" != Z ] || return 1
  echo "$1 ${fields[19]} $(cat /proc/sys/kernel/random/boot_id)"
}

# alive NAME: prints the pid of the process recorded as NAME if that very process still runs.
alive() {
  local recorded pid
  recorded=$(cat "$state/$1.pid" 2>/dev/null) || return 1
  pid=${recorded%% *}
  [ -n "$pid" ] && [ "$(identity "$pid")" = "$recorded" ] && echo "$pid"
}

# wait_until WHAT COMMAND...: until it succeeds, at most 60 s.
wait_until() {
  local what=$1 deadline=$(($(now_ms) + 60000))
  shift
  until "$@"; do
    [ "$(now_ms)" -lt "$deadline" ] || fail "not within 60 s: $what; the logs are in $state"
    sleep 0.1
  done
}

# stop NAME: ends the process recorded as NAME, and no other; nothing if it does not run.
stop() {
  local pid
  if pid=$(alive "$1"); then
    kill "$pid"
    # The engine takes up to ten seconds for containers that ignore SIGTERM.
    wait_until "$1 (pid $pid) ends" ended "$1"
    echo "ended $1 (pid $pid)"
  fi
  rm -f "$state/$1.pid"
}

ended() { ! alive "$1" >/dev/null; }

# start NAME COMMAND...: in the background, recorded as NAME.
start() {
  local name=$1
  shift
  setsid nohup "$@" >"$state/$name.log" 2>&1 </dev/null 9>&- &
  identity $! >"$state/$name.pid" || fail "$name ended at once, see $state/$name.log"
}
