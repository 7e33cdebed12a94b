// Package fast stands in for Traefik's experimental proxy on fasthttp, which is not compiled in.
package fast

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/config/static"
)

// TransportManager is what a proxy would ask.
type TransportManager interface {
	Get(name string) (*dynamic.ServersTransport, error)
	GetTLSConfig(name string) (*tls.Config, error)
}

// ProxyBuilder builds nothing.
type ProxyBuilder struct{}

// NewProxyBuilder is a builder that refuses.
func NewProxyBuilder(TransportManager, static.FastProxyConfig) *ProxyBuilder { return &ProxyBuilder{} }

// Update has nothing to update.
func (*ProxyBuilder) Update(map[string]*dynamic.ServersTransport) {}

// Build refuses.
func (*ProxyBuilder) Build(string, *url.URL, bool, bool) (http.Handler, error) {
	return nil, errors.New("the fast proxy is not compiled in")
}
