#!/usr/bin/env bash
# Prints where promtool is, which checks and tests rules of Prometheus: the one of
# PROMTOOL, the one in PATH, or that of Debian's package, unpacked into the cache. No service is installed.
set -euo pipefail
if [[ -n ${PROMTOOL:-} ]]; then echo "$PROMTOOL"; exit; fi
if command -v promtool; then exit; fi

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cdk8s-volume-snapshots/prometheus
if [[ ! -x $cache/usr/bin/promtool ]]; then
  command -v apt-get >/dev/null || { echo 'there is no promtool: install Prometheus, or set PROMTOOL' >&2; exit 1; }
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  (
    cd "$download"
    # a list of packages that is not there yet, or too old, names none that can be had
    apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }
    dpkg-deb -x prometheus_*.deb unpacked
  ) >&2
  mkdir -p "$(dirname "$cache")"
  rm -rf "$cache"
  mv "$download/unpacked" "$cache"
fi
echo "$cache/usr/bin/promtool"
