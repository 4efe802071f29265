# Shared by the scripts that start and end back-ends; sourced, not run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
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

# One lock for all instances: they share apt, the plugins and the engine. `lock NAME` gives it up for another one.
lock() {
  local file=$cache/${1:-lock}
  mkdir -p "$cache" "$state"
  exec 9>"$file"
  flock -w 600 9 || fail "another run has held $file for 600 s"
}

# need PROGRAM:PACKAGE...: installs the packages of the programs that are missing. Under the lock.
need() {
  local pair missing=()
  for pair in "$@"; do
    # Debian keeps some programs where only root's PATH looks.
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] || install "${missing[@]}"
}

install() {
  [ "$(id -u)" = 0 ] || fail "not installed: $*; run as root, or install them"
  echo "installing $*"
  # A caller may keep its own files private; the packages are everybody's. RUNLEVEL=1: Debian would start services of
  # its own, on all interfaces.
  (
    umask 022
    export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    apt-get -o DPkg::Lock::Timeout=300 -qq install --no-install-recommends "$@"
  ) >"$state/apt.log" 2>&1 9>&- || fail "apt-get install failed, see $state/apt.log"
}

# debian_sources TYPE SUITE: that suite at the first mirror of the machine's own Debian sources, deb822 or one-line.
debian_sources() {
  local uri
  uri=$(awk '$1 == "URIs:" { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  [ -n "$uri" ] || uri=$(awk '$1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /:\//) { print $i; exit } }' \
    /etc/apt/sources.list 2>/dev/null || true)
  [ -z "$uri" ] || printf '%s\n' "Types: $1" "URIs: $uri" "Suites: $2" "Components: main" \
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg"
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
