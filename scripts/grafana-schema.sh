#!/usr/bin/env bash
# Prints where the types of Grafana's dashboards are, generated from its schema: the unpacked package of GRAFANA_SCHEMA, or
# the pinned version of @grafana/schema, unpacked into the cache. Nothing of it is installed, or run.
set -euo pipefail
if [[ -n ${GRAFANA_SCHEMA:-} ]]; then echo "$GRAFANA_SCHEMA"; exit; fi

version=13.2.3
sum=f492f0ec5b0212cbf7f098d5d54b4a540371c262c6b78e9016ee2d26add9e559
cache=${XDG_CACHE_HOME:-$HOME/.cache}/cdk8s-volume-snapshots/grafana-schema-$version
if [[ ! -d $cache ]]; then
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  (
    cd "$download"
    npm pack --silent "@grafana/schema@$version" >/dev/null
    echo "$sum  grafana-schema-$version.tgz" | sha256sum --check --quiet
    tar -xzf "grafana-schema-$version.tgz"
  ) >&2
  mkdir -p "$(dirname "$cache")"
  mv "$download/package" "$cache"
fi
echo "$cache"
