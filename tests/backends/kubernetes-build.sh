#!/bin/bash
# Builds Kubernetes 1.20.2 from Debian's source package, once: one program that is apiserver, controller manager,
# scheduler, kubelet, proxy and kubectl by the name it is called with; with etcd and the pause program beside it. Takes
# four minutes and 1.6 GB on two cores; the result is an archive of 40 MB in the cache. Safe to run again, also while
# another run is under way. See README.md.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$here/kubernetes-lib.sh"

applets=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

main() {
  if [ ! -x "$programs/kube-apiserver" ]; then
    lock
    mkdir -p "$store"
    need zstd:zstd
    [ -s "$archive" ] || need go:golang-go etcd:etcd-server gcc:gcc dpkg-source:dpkg-dev
    [ -s "$archive" ] || [ -e /usr/include/stdlib.h ] || install libc6-dev
    # Not under the lock of all back-ends: nobody else should wait four minutes.
    lock kubernetes.lock
    [ -s "$archive" ] || build
    [ -x "$programs/kube-apiserver" ] || unpack
  fi
}

unpack() {
  local new
  new=$(mktemp -d "$store/new.XXXXXX")
  tar --zstd -xf "$archive" -C "$new"
  chmod 755 "$new"
  rm -rf "$programs"
  # Only a whole directory gets the name that is looked for.
  mv "$new" "$programs"
}

build() {
  local started
  started=$(now_ms)
  scratch=$(mktemp -d "$store/build.XXXXXX")
  # Go's module tree is read-only to its owner.
  trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
  mkdir "$scratch/out"
  echo "building Kubernetes $version; the log is $store/build.log"
  : >"$store/build.log"
  fetch_source >>"$store/build.log" 2>&1 || fail "no source package, see $store/build.log"
  export CGO_ENABLED=0 GO111MODULE=off GOFLAGS= GOPATH=$scratch/go GOCACHE=${POP_DEPLOY_GOCACHE:-$scratch/cache} TMPDIR=$scratch
  cd "$GOPATH/src/k8s.io/kubernetes"
  adapt_source
  generate_openapi >>"$store/build.log" 2>&1 || fail "the OpenAPI definitions were not generated, see $store/build.log"
  write_program
  compile >>"$store/build.log" 2>&1 || fail "the build failed, see $store/build.log"
  tar --zstd -cf "$archive.new" -C "$scratch/out" .
  mv "$archive.new" "$archive"
  echo "built Kubernetes $version in $((($(now_ms) - started) / 1000)) s"
}

# With package lists of its own: the machine's apt need not know of source packages, and a concurrent apt-get is not disturbed.
fetch_source() {
  local apt=$scratch/apt options
  mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/archives/partial" "$scratch/go/src/k8s.io"
  debian_sources deb-src bookworm >"$apt/sources/bookworm.sources"
  [ -s "$apt/sources/bookworm.sources" ] || fail "the machine names no Debian mirror"
  options=(-qq -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources"
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt" -o Acquire::Languages=none -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update &&
    (cd "$scratch" && apt-get "${options[@]}" source --download-only kubernetes) &&
    tar -xf "$scratch"/kubernetes_*.orig.tar.gz -C "$scratch" &&
    ln -s "$scratch/kubernetes-$version" "$scratch/go/src/k8s.io/kubernetes"
}

# Where lowering an OOM score is not allowed (no CAP_SYS_RESOURCE), runc cannot start what asks for it: "can't get final
# child's PID from pipe: EOF". Pods on a test machine need no such protection.
adapt_source() {
  replace pkg/kubelet/dockershim/docker_sandbox.go 's/\(defaultSandboxOOMAdj int *= *\)-998/\10/'
  replace pkg/kubelet/qos/policy.go 's/\(guaranteedOOMScoreAdj *int *= *\)-99[78]/\10/'
}

replace() {
  local before
  before=$(sha256sum "$1")
  sed -i "$2" "$1"
  [ "$(sha256sum "$1")" != "$before" ] || fail "the source of $1 is not what this script knows"
}

# The release's tarball has no zz_generated.openapi.go, without which the server cannot apply on its side.
generate_openapi() {
  local packages
  go build -o "$scratch/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen || return
  packages=$(grep -rl --include='*.go' '+k8s:openapi-gen=' staging/src/k8s.io pkg cmd plugin |
    grep -v -e _test.go -e zz_generated -e /code-generator/ -e /sample-apiserver/ |
    sed -e 's#^staging/src/#vendor/#' -e 's#^#k8s.io/kubernetes/#' | xargs -n1 dirname | sort -u | paste -sd,)
  "$scratch/openapi-gen" --logtostderr -i "$packages" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi \
    -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$scratch/violations"
}

# One program: six would share nine tenths of their code, and linking is most of the time.
write_program() {
  mkdir -p cmd/all
  cat >cmd/all/main.go <<'GO'
package main

import (
	"flag"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/restclient"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	rand.Seed(time.Now().UnixNano())
	commands := map[string]func() *cobra.Command{
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllermanager.NewControllerManagerCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
		"kube-proxy":              proxy.NewProxyCommand,
		"kubelet":                 kubelet.NewKubeletCommand,
		"kubectl":                 kubectl.NewDefaultKubectlCommand,
	}
	name := filepath.Base(os.Args[0])
	command, known := commands[name]
	if !known {
		fmt.Fprintf(os.Stderr, "called as %s, which is none of its names\n", name)
		os.Exit(2)
	}
	root := command()
	pflag.CommandLine.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	pflag.CommandLine.AddGoFlagSet(flag.CommandLine)
	logs.InitLogs()
	defer logs.FlushLogs()
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
GO
}

compile() {
  local package flags="-s -w" applet
  for package in component-base/version client-go/pkg/version; do
    package=k8s.io/kubernetes/vendor/k8s.io/$package
    flags+=" -X $package.gitVersion=v$version -X $package.gitMajor=1 -X $package.gitMinor=20"
    flags+=" -X $package.gitTreeState=clean -X $package.gitCommit=debian -X $package.buildDate=2021-01-13T13:20:00Z"
  done
  # providerless: no cloud's client library.
  go build -tags providerless -trimpath -ldflags "$flags" -o "$scratch/out/all" ./cmd/all || return
  for applet in "${applets[@]}"; do ln -s all "$scratch/out/$applet"; done
  cp "$(command -v etcd)" "$scratch/out/etcd"
  gcc -Os -static -s -DVERSION=v3 -o "$scratch/out/pause" build/pause/linux/pause.c
}

main
