#!/bin/bash
# Brings up what the tests marked `kubernetes` need. `kubernetes-up.sh kubelet`: a whole cluster of one node, whose pods
# run on the Docker engine. `kubernetes-up.sh fake`: a whole control plane without Docker, whose pods only claim to run
# (fake_kubelet.py); a hundred replicas roll in seconds, and fail as their image's tag says. Both can be up at the same
# time. Safe to run again, also while another run is under way. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$here/kubernetes-lib.sh"

main() {
  local started
  started=$(now_ms)
  choose_mode "${1:-}"
  # Before the lock, which it takes itself.
  "$here/kubernetes-build.sh"
  lock
  mkdir -p -m 700 "$state" "$state/certs"
  if [ "$mode" = kubelet ]; then prepare_node; fi
  make_credentials
  start_control_plane
  if [ "$mode" = kubelet ]; then start_node; else start_fake_nodes; fi
  wait_until "a node is ready" node_ready
  wait_until "the default service account is there" kubectl get serviceaccount default
  wait_until "the viewer may look" grant_viewer
  echo "Kubernetes     $mode, https://127.0.0.1:$port, ready in $(($(now_ms) - started)) ms; contexts admin and viewer of $state/kubeconfig"
}

# Tokens, not certificates: they also show that no command line and no log holds one.
make_credentials() {
  local name
  for name in admin viewer; do
    [ -s "$state/$name.token" ] || openssl rand -hex 16 >"$state/$name.token"
  done
  cat >"$state/tokens.csv" <<T
$(cat "$state/admin.token"),admin,admin,"system:masters"
$(cat "$state/viewer.token"),viewer,viewer,"viewers"
T
  [ -s "$state/accounts.key" ] || openssl genrsa -out "$state/accounts.key" 2048 2>/dev/null
  # What the API server shows to the kubelet, which trusts this very certificate and nobody else.
  [ -s "$state/kubelet-client.crt" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /O=system:masters/CN=apiserver \
    -addext extendedKeyUsage=clientAuth -keyout "$state/kubelet-client.key" -out "$state/kubelet-client.crt" 2>/dev/null
  write_kubeconfig "$state/kubeconfig" ""
  # The cluster's own programs take the current context. Nobody else is given one: who forgets to name it is told so.
  write_kubeconfig "$state/system.kubeconfig" "current-context: admin"
}

write_kubeconfig() {
  cat >"$1" <<T
apiVersion: v1
kind: Config
$2
clusters: [{name: $mode, cluster: {server: "https://127.0.0.1:$port", certificate-authority: "$state/certs/apiserver.crt"}}]
users: [{name: admin, user: {token: $(cat "$state/admin.token")}}, {name: viewer, user: {token: $(cat "$state/viewer.token")}}]
contexts: [{name: admin, context: {cluster: $mode, user: admin}}, {name: viewer, context: {cluster: $mode, user: viewer}}]
T
}

start_control_plane() {
  local etcd=http://127.0.0.1:$((port + 1))
  run etcd --data-dir "$state/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "http://127.0.0.1:$((port + 2))" --unsafe-no-fsync
  # No endpoint of its own in the cluster: a loopback address is not allowed there.
  run kube-apiserver --etcd-servers="$etcd" --bind-address=127.0.0.1 --advertise-address=127.0.0.1 \
    --endpoint-reconciler-type=none --secure-port="$port" --insecure-port=0 --cert-dir="$state/certs" \
    --service-cluster-ip-range="$services" --service-node-port-range=30000-32767 --token-auth-file="$state/tokens.csv" \
    --authorization-mode=RBAC --service-account-issuer=https://kubernetes.default.svc \
    --service-account-key-file="$state/accounts.key" --service-account-signing-key-file="$state/accounts.key" \
    --kubelet-client-certificate="$state/kubelet-client.crt" --kubelet-client-key="$state/kubelet-client.key" \
    --kubelet-preferred-address-types=InternalIP --allow-privileged=true
  wait_until "the API server is ready" kubectl get --raw /readyz
  # A busy machine of two cores may be late with a heartbeat; that is no lost node.
  run kube-controller-manager --kubeconfig="$state/system.kubeconfig" --root-ca-file="$state/certs/apiserver.crt" \
    --service-account-private-key-file="$state/accounts.key" --leader-elect=false --port=0 --secure-port=0 \
    --node-monitor-grace-period=60s --kube-api-qps=300 --kube-api-burst=600
  run kube-scheduler --kubeconfig="$state/system.kubeconfig" --leader-elect=false --port=0 --secure-port=0 \
    --kube-api-qps=300 --kube-api-burst=600
}

prepare_node() {
  need socat:socat iptables:iptables
  [ "$(id -u)" = 0 ] || fail "only root can run a kubelet"
  [ -S /var/run/docker.sock ] && [ -n "$(timeout 20 docker version -f '{{.Server.Version}}' 2>/dev/null)" ] ||
    fail "no Docker engine answers on /var/run/docker.sock; run tests/backends/docker-up.sh"
  bridge=$(ip -4 -o addr show docker0 2>/dev/null | awk '{ print $4; exit }')
  [ -n "$bridge" ] || fail "the Docker engine has no bridge docker0"
  docker image inspect "$pause" >/dev/null 2>&1 || build_pause
}

build_pause() {
  local context=$state/pause
  mkdir -p "$context"
  cp "$programs/pause" "$context/"
  printf '%s\n' 'FROM scratch' 'COPY pause /pause' 'ENTRYPOINT ["/pause"]' >"$context/Dockerfile"
  docker build --quiet --tag "$pause" "$context" >"$state/pause.log" 2>&1 || fail "no image $pause, see $state/pause.log"
}

start_node() {
  local address=${bridge%/*}
  # A node must not have a loopback address, so its kubelet listens on the bridge: reachable from this machine and its
  # containers, and only the API server's certificate may ask it.
  cat >"$state/kubelet.yml" <<T
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $address
healthzBindAddress: 127.0.0.1
healthzPort: $((port + 3))
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $state/kubelet-client.crt}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
registryPullQPS: 0
serializeImagePulls: false
eventRecordQPS: 0
kubeAPIQPS: 100
kubeAPIBurst: 200
podCIDR: $bridge
resolvConf: /etc/resolv.conf
syncFrequency: 2s
nodeStatusUpdateFrequency: 5s
evictionHard: {memory.available: 50Mi, nodefs.available: 1%}
imageGCHighThresholdPercent: 100
T
  run kubelet --kubeconfig="$state/system.kubeconfig" --config="$state/kubelet.yml" --root-dir="$state/kubelet" \
    --hostname-override="$node" --node-ip="$address" --container-runtime=docker --pod-infra-container-image="$pause" \
    --cgroup-root=/ --register-node=true
  run kube-proxy --kubeconfig="$state/system.kubeconfig" --proxy-mode=iptables --hostname-override="$node" \
    --cluster-cidr="$bridge" --nodeport-addresses=127.0.0.0/8 --conntrack-max-per-core=0 \
    --healthz-bind-address="127.0.0.1:$((port + 4))" --metrics-bind-address="127.0.0.1:$((port + 5))"
}

start_fake_nodes() {
  alive fake-kubelet >/dev/null || start fake-kubelet python3 "$here/fake_kubelet.py" --server "https://127.0.0.1:$port" \
    --token-file "$state/admin.token" --ca-file "$state/certs/apiserver.crt"
}

# run PROGRAM ARGUMENT...: starts it unless it runs.
run() {
  alive "$1" >/dev/null || start "$1" "$programs/$1" "${@:2}"
}

node_ready() {
  kubectl get nodes -o 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}' && grep -q True "$state/kubectl.log"
}

grant_viewer() {
  kubectl get clusterrolebinding viewer || kubectl create clusterrolebinding viewer --clusterrole=view --user=viewer
}

# The programs' own client: another one on PATH may be missing or too old.
kubectl() {
  timeout 20 "$programs/kubectl" --kubeconfig "$state/system.kubeconfig" "$@" >"$state/kubectl.log" 2>&1
}

main "$@"
