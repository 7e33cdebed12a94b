// Package nomad stands in for Traefik's provider of Nomad, which is not compiled in.
package nomad

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider is not compiled in.
type Provider struct{}

// Init refuses to be configured.
func (*Provider) Init() error { return errors.New("the provider of Nomad is not compiled in") }

// Provide has nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }

// ProviderBuilder is what the configuration holds.
type ProviderBuilder struct{}

// BuildProviders builds the one that refuses to be configured.
func (*ProviderBuilder) BuildProviders() []*Provider { return []*Provider{{}} }
