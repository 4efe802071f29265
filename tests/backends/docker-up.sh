#!/bin/bash
# Brings up what the tests marked `docker` need: an engine that builds with BuildKit and compose, a plain registry, and
# one with TLS and a password. Safe to run again, also while another run is under way. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local started
  started=$(now_ms)
  lock
  install_packages
  start_engine
  install_plugin buildx docker-buildx
  install_plugin compose docker-compose
  make_credentials
  start_registry registry "$plain_port" ""
  start_registry auth-registry "$auth_port" "
auth: {htpasswd: {realm: ci, path: $state/htpasswd}}" ", tls: {certificate: $state/tls.crt, key: $state/tls.key}"
  wait_until "engine answers" engine_answers
  report engine "$(docker version -f '{{.Server.Version}}, client {{.Client.Version}}')"
  report plugins "$(docker buildx version | cut -d' ' -f2), compose $(docker compose version --short)"
  wait_until "registry answers" plain_answers
  report registry "127.0.0.1:$plain_port"
  wait_until "registry with password answers" auth_answers
  trust_certificate
  report auth-registry "localhost:$auth_port, user $user"
  echo "docker back-ends ready in $(($(now_ms) - started)) ms"
}

report() { printf '%-14s %s\n' "$1" "$2"; }

install_packages() {
  local need=()
  command -v dockerd >/dev/null || engine_answers || need+=(docker.io)
  command -v docker-registry >/dev/null || need+=(docker-registry)
  command -v htpasswd >/dev/null || need+=(apache2-utils)
  command -v openssl >/dev/null || need+=(openssl)
  command -v curl >/dev/null || need+=(curl)
  # An image FROM scratch has no libc, so the dynamic busybox will not do.
  if [ ! -x /bin/busybox ] || LC_ALL=C ldd /bin/busybox 2>/dev/null | grep -q '=>'; then need+=(busybox-static); fi
  [ ${#need[@]} -gt 0 ] || return 0
  install "${need[@]}"
}

start_engine() {
  engine_answers && return
  [ "$(id -u)" = 0 ] || fail "no Docker engine answers, and only root can start one"
  forget_killed_engine
  start engine dockerd
  # Not later: the plugins are asked through a client that wants an engine.
  wait_until "engine answers" engine_answers
}

# An engine refuses to start while the pid file of a killed one names any process: its own remains, or a stranger's.
forget_killed_engine() {
  local file=/var/run/docker.pid pid
  [ -s "$file" ] || return 0
  pid=$(cat "$file")
  if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != dockerd ] || grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; then
    rm -f "$file"
  fi
}

# `docker info` may exit 0 without an engine; the server's version cannot.
engine_answers() { [ -n "$(timeout 20 docker version -f '{{.Server.Version}}' 2>/dev/null)" ]; }

plain_answers() { [ "$(http "http://127.0.0.1:$plain_port/v2/")" = 200 ]; }

auth_answers() {
  local url=https://localhost:$auth_port/v2/
  [ "$(http --cacert "$state/tls.crt" "$url")" = 401 ] &&
    [ "$(http --cacert "$state/tls.crt" --user "$user:$password" "$url")" = 200 ]
}

http() { curl --silent --noproxy '*' --max-time 10 --output /dev/null --write-out '%{http_code}' "$@" || true; }

# start NAME PROGRAM ARGUMENT...: in a session of its own, so that a Ctrl-C in the caller's terminal does not end it.
# The lock must not be inherited: it would stay locked as long as the service runs.
start_registry() {
  local name=$1 port=$2 auth=$3 tls=${4:-} config=$state/$1.yml
  cat >"$config.new" <<T
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: $state/$name}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"$tls}$auth
T
  cmp -s "$config.new" "$config" || stop "$name"
  mv "$config.new" "$config"
  if alive "$name" >/dev/null; then return; fi
  if [ "$name" = registry ] && plain_answers; then return; fi
  if [ "$name" = auth-registry ] && auth_answers; then return; fi
  [ "$(http "http://127.0.0.1:$port/")" = 000 ] || fail "port $port is taken by something that is not our $name"
  start "$name" docker-registry serve "$config"
}

make_credentials() {
  if ! openssl x509 -checkend 86400 -noout -in "$state/tls.crt" >/dev/null 2>&1; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$state/tls.key" -out "$state/tls.crt" 2>/dev/null
    # It would go on serving the certificate it was started with.
    stop auth-registry
  fi
  [ -s "$state/htpasswd" ] || htpasswd -Bbn "$user" "$password" >"$state/htpasswd"
}

# Not before the registry answers with this certificate: another instance may have the port, and the directory.
trust_certificate() {
  # The engine trusts any registry on loopback; other clients look here too. Only root may write it.
  [ "$(id -u)" = 0 ] || return 0
  mkdir -p "$certs"
  cmp -s "$state/tls.crt" "$certs/ca.crt" || cp "$state/tls.crt" "$certs/ca.crt"
}

# install_plugin NAME PACKAGE: bookworm has no such packages, and a Docker 28 client refuses to build without buildx.
# Those of trixie are static enough to run here; unpacked, not installed, so that nothing else follows from trixie.
install_plugin() {
  local name=$1 package=$2 directory=/usr/local/lib/docker/cli-plugins deb
  docker "$name" version >/dev/null 2>&1 && return
  # All clients look there whatever DOCKER_CONFIG says; in a home directory only those without DOCKER_CONFIG do.
  mkdir -p "$directory" 2>/dev/null && [ -w "$directory" ] || fail "docker $name is missing, and $directory is not writable"
  deb=$(newest_deb "$package")
  [ -n "$deb" ] || download_from_trixie "$package"
  deb=$(newest_deb "$package")
  dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/libexec/docker/cli-plugins/$package" >"$directory/.$package"
  chmod 755 "$directory/.$package"
  mv "$directory/.$package" "$directory/$package"
  docker "$name" version >/dev/null || fail "$deb does not run here"
}

newest_deb() { find "$cache" -maxdepth 1 -name "$1_*.deb" | sort -V | tail -n 1; }

# With package lists of its own: the machine's apt never hears of trixie, and a concurrent apt-get is not disturbed.
download_from_trixie() {
  local apt=$cache/apt options
  echo "downloading $1 of trixie"
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/archives/partial"
  debian_sources deb trixie >"$apt/sources/trixie.sources"
  [ -s "$apt/sources/trixie.sources" ] || fail "docker ${1#docker-} is missing, and the machine names no Debian mirror"
  options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o Acquire::Languages=none -o APT::Sandbox::User=root)
  [ -n "$(find "$apt/lists" -maxdepth 1 -name '*trixie*Packages*' -mmin -60)" ] || apt-get "${options[@]}" update
  rm -rf "$apt/new" && mkdir "$apt/new"
  (cd "$apt/new" && apt-get "${options[@]}" download "$1/trixie")
  # Only a whole file gets the name that is looked for.
  mv "$apt/new/$1"_*.deb "$cache/"
}

main
