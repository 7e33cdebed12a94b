// Package compress stands in for Traefik's compression of answers, whose tables of Brotli are not compiled in.
package compress

import (
	"context"
	"errors"
	"net/http"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
)

// New refuses to be configured.
func New(context.Context, http.Handler, dynamic.Compress, string) (http.Handler, error) {
	return nil, errors.New("compression is not compiled in")
}
