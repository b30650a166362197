// SPDX-License-Identifier: MIT

package gateextension

import (
	"context"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"runspan/collector/gateextension/internal/metadata"
)

// NewFactory returns the extension's factory.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		metadata.Type,
		func() component.Config {
			return &Config{PerMinute: 3000, BodyBytes: 1 << 20, Messages: 65536, MemoryMegabytes: 64, AtOnce: 16}
		},
		create,
		metadata.ExtensionStability,
	)
}

// middleware is the extension.
type middleware struct {
	certificate
	extensionmiddleware.GetHTTPHandlerFunc
}

func create(ctx context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
	c := config.(*Config)
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	refused := func(status int) {
		telemetry.GateRefused.Add(ctx, 1, metric.WithAttributes(attribute.Int("status", status)))
	}
	wrap := func(_ context.Context, next http.Handler) (http.Handler, error) {
		return &gate{
			next:     next,
			clients:  newClients(c.PerMinute),
			size:     c.BodyBytes,
			messages: c.Messages,
			memory:   c.MemoryMegabytes << 20,
			slots:    make(chan struct{}, c.AtOnce),
			refused:  refused,
		}, nil
	}
	return &middleware{
		certificate:        certificate{CertificateConfig: c.Certificate, log: set.Logger},
		GetHTTPHandlerFunc: func(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) { return wrap, nil },
	}, nil
}
