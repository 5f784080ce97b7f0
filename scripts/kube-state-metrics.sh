#!/usr/bin/env bash
# Prints where kube-state-metrics is: the one of KUBE_STATE_METRICS, or the version that e2e/kube-state-metrics/go.mod
# pins, built with Go into the cache. That takes some two minutes once.
set -euo pipefail
if [[ -n ${KUBE_STATE_METRICS:-} ]]; then echo "$KUBE_STATE_METRICS"; exit; fi

cd "$(dirname "$0")/../e2e/kube-state-metrics"
key=$(cat go.mod go.sum | sha256sum | cut -c1-16)
program=${XDG_CACHE_HOME:-$HOME/.cache}/cdk8s-volume-snapshots/kube-state-metrics-$key
if [[ ! -x $program ]]; then
  command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null || { echo 'there is no Go to build kube-state-metrics with: install it, or set KUBE_STATE_METRICS' >&2; exit 1; }
  mkdir -p "$(dirname "$program")"
  CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -ldflags='-s -w' -o "$program.new" k8s.io/kube-state-metrics/v2 >&2
  mv "$program.new" "$program"
fi
echo "$program"
