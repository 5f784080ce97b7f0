#!/usr/bin/env bash
# What tutorials do: for each claim take a snapshot, wait for it, and delete all
# but the newest of those whose names begin with the claim's.
set -euo pipefail
: "${CLAIMS:?}" "${SNAPSHOT_CLASS:?}" "${KEEP:?}"

for claim in $CLAIMS; do
  name=$claim-$(date -u +%Y%m%d-%H%M%S)
  kubectl apply -f - <<YAML
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata:
  name: $name
spec:
  volumeSnapshotClassName: $SNAPSHOT_CLASS
  source:
    persistentVolumeClaimName: $claim
YAML
  kubectl wait --for=jsonpath='{.status.readyToUse}'=true --timeout=120s "volumesnapshot/$name"
  kubectl get volumesnapshot -o json |
    jq -r --arg prefix "$claim-" --argjson keep "$KEEP" '
      [.items[] | select(.metadata.name | startswith($prefix))]
      | sort_by(.metadata.creationTimestamp) | .[:-$keep][].metadata.name' |
    xargs -r kubectl delete volumesnapshot --wait=false
done
