// Package ecs stands in for Traefik's provider of Amazon's ECS, which is not compiled in.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider is not compiled in.
type Provider struct{}

// Init refuses to be configured.
func (*Provider) Init() error { return errors.New("the provider of Amazon's ECS is not compiled in") }

// Provide has nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }
