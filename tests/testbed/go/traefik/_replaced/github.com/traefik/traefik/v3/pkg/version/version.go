// Package version stands in for Traefik's, less the client of GitHub that it asks for newer versions.
package version

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog/log"
)

// What the linker sets upstream, and what the API tells.
var (
	Version            = "dev"
	Codename           = "testbed"
	BuildDate          = "unknown"
	StartDate          = time.Now()
	DisableDashboardAd = false
)

// Handler serves the version.
type Handler struct{}

// Append adds its route.
func (Handler) Append(router *mux.Router) {
	router.Methods(http.MethodGet).Path("/api/version").HandlerFunc(func(response http.ResponseWriter, _ *http.Request) {
		response.Header().Set("Content-Type", "application/json")
		told := map[string]any{"Version": Version, "Codename": Codename, "startDate": StartDate}
		if err := json.NewEncoder(response).Encode(told); err != nil {
			log.Error().Err(err).Send()
		}
	})
}

// CheckNewVersion asks nobody.
func CheckNewVersion() {}
