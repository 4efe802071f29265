# What the scripts of the Kubernetes clusters agree on; sourced after lib.sh, not run.

version=1.20.2
store=$cache/kubernetes
# Every change of the building script but to its comments builds anew.
key=$version-$(grep -v '^ *#' "$here/kubernetes-build.sh" | sha256sum | cut -c1-16)
archive=$store/$key.tar.zst
programs=$store/$key
node=node1
services=10.96.0.0/16
pause=pop-deploy-pause:local

# choose_mode kubelet|fake: the cluster's port (up to five after it are taken too), and its own state directory.
choose_mode() {
  case ${1:-} in
    kubelet) port=${POP_DEPLOY_KUBERNETES_PORT:-16443} ;;
    fake) port=${POP_DEPLOY_FAKE_KUBERNETES_PORT:-16543} ;;
    *) fail "say which cluster: kubelet or fake" ;;
  esac
  mode=$1
  # Tokens and keys are written here.
  umask 077
  state=$state/kubernetes-$mode
}
