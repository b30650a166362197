// SPDX-License-Identifier: MIT

package journalexporter

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"

	"runspan/collector/journalexporter/internal/metadata"
)

// NewFactory returns the exporter's factory.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{MaxMegabytes: 64, MaxAge: time.Hour, Sync: true} },
		exporter.WithTraces(create, metadata.TracesStability),
	)
}
