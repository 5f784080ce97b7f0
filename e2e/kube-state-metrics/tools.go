//go:build tools

// Package tools pins the kube-state-metrics that the tests run; scripts/kube-state-metrics.sh builds it.
package tools

import _ "k8s.io/kube-state-metrics/v2"
