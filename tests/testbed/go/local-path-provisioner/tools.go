//go:build tools

// Package tools names the volume provisioner's command, so that go.mod and go.sum pin all that it needs.
package tools

import _ "github.com/rancher/local-path-provisioner"
