//go:build tools

// Package tools names Traefik's command, so that go.mod and go.sum pin all that it needs.
package tools

import _ "github.com/traefik/traefik/v3/cmd/traefik"
