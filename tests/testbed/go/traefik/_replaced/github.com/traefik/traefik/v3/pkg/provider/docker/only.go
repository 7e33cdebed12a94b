// Package docker stands in for Traefik's providers of Docker and of its swarms, which are not compiled in.
package docker

import (
	"errors"

	ptypes "github.com/traefik/paerser/types"
	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider is not compiled in.
type Provider struct {
	// HTTPClientTimeout is what the static configuration corrects.
	HTTPClientTimeout ptypes.Duration
}

// SwarmProvider is not compiled in.
type SwarmProvider struct {
	Provider

	// RefreshSeconds is what the static configuration corrects.
	RefreshSeconds ptypes.Duration
}

// Init refuses to be configured.
func (*Provider) Init() error { return errors.New("the providers of Docker are not compiled in") }

// Provide has nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }
