package metrics

import (
	"context"

	"github.com/rs/zerolog/log"
	otypes "github.com/traefik/traefik/v3/pkg/observability/types"
)

// RegisterInfluxDB2 says that the exporter is not compiled in.
func RegisterInfluxDB2(ctx context.Context, _ *otypes.InfluxDB2) Registry {
	log.Ctx(ctx).Error().Msg("The exporter of metrics to InfluxDB is not compiled in")
	return nil
}

// StopInfluxDB2 has nothing to stop.
func StopInfluxDB2() {}
