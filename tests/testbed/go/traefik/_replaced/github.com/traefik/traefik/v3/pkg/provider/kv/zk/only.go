// Package zk stands in for Traefik's provider of ZooKeeper, which is not compiled in.
package zk

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider is not compiled in.
type Provider struct{}

// Init refuses to be configured.
func (*Provider) Init() error { return errors.New("the provider of ZooKeeper is not compiled in") }

// Provide has nothing.
func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return nil }
