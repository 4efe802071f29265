# What swarm-nodes-up.sh and swarm-nodes-down.sh agree on; sourced after lib.sh, not run.

state=$state/swarm-nodes
bridge=popdeploy0
# Nobody but this machine and the nodes are on that bridge.
network=${POP_DEPLOY_SWARM_NETWORK:-10.77.0}
nodes=(1 2 3)

address() { echo "$network.$((10 + $1))"; }

# A unix socket's path is short, so it is beside the node's data and not in it.
at() { docker --host "unix://$state/node$1.sock" "${@:2}"; }
