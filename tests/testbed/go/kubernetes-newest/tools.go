//go:build tools

// Package tools names the commands of Kubernetes that the suites need in this version, so that go.mod and go.sum pin all
// that they need.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
