// Package plugins stands in for Traefik's plugins, whose interpreters of Go and of WebAssembly are not compiled in.
package plugins

import (
	"context"
	"errors"
	"net/http"

	"github.com/traefik/traefik/v3/pkg/provider"
)

var errNotCompiledIn = errors.New("plugins are not compiled in")

// Descriptor is a plugin of the static configuration.
type Descriptor struct {
	ModuleName string `json:"moduleName,omitempty" toml:"moduleName,omitempty" yaml:"moduleName,omitempty"`
	Version    string `json:"version,omitempty" toml:"version,omitempty" yaml:"version,omitempty"`
}

// LocalDescriptor is a local plugin of the static configuration.
type LocalDescriptor struct {
	ModuleName string `json:"moduleName,omitempty" toml:"moduleName,omitempty" yaml:"moduleName,omitempty"`
}

// Constructor makes a plugin's handler.
type Constructor func(context.Context, http.Handler) (http.Handler, error)

// RegistryDownloaderOptions say how plugins would be fetched.
type RegistryDownloaderOptions struct {
	HTTPClient   *http.Client
	ArchivesPath string
}

// RegistryDownloader fetches nothing.
type RegistryDownloader struct{}

// NewRegistryDownloader refuses.
func NewRegistryDownloader(RegistryDownloaderOptions) (*RegistryDownloader, error) {
	return nil, errNotCompiledIn
}

// ManagerOptions say where plugins would be kept.
type ManagerOptions struct {
	Output string
}

// Manager keeps nothing.
type Manager struct{}

// NewManager refuses.
func NewManager(*RegistryDownloader, ManagerOptions) (*Manager, error) { return nil, errNotCompiledIn }

// SetupRemotePlugins refuses.
func SetupRemotePlugins(*Manager, map[string]Descriptor) error { return errNotCompiledIn }

// SetupLocalPlugins refuses.
func SetupLocalPlugins(map[string]LocalDescriptor) error { return errNotCompiledIn }

// Builder builds nothing.
type Builder struct{}

// NewBuilder is the builder of a configuration without plugins.
func NewBuilder(*Manager, map[string]Descriptor, map[string]LocalDescriptor) (*Builder, error) {
	return &Builder{}, nil
}

// Build refuses.
func (*Builder) Build(string, map[string]any, string) (Constructor, error) {
	return nil, errNotCompiledIn
}

// BuildProvider refuses.
func (*Builder) BuildProvider(string, map[string]any) (provider.Provider, error) {
	return nil, errNotCompiledIn
}
