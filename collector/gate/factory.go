// SPDX-License-Identifier: MIT

package gate

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Config is the extension's part of the collector's configuration.
type Config struct {
	// PerMinute is how many requests one client may make in a minute; 0: any.
	PerMinute int `mapstructure:"per_minute"`
	// BodyBytes is how large the body of a request may be, unpacked.
	BodyBytes int64 `mapstructure:"body_bytes"`
	// Messages is how many protobuf messages and texts a request may have.
	Messages int `mapstructure:"messages"`
	// MemoryMegabytes is for all requests that are being read, together.
	MemoryMegabytes int64 `mapstructure:"memory_megabytes"`
	// AtOnce is how many requests are decoded and written at the same time.
	AtOnce int `mapstructure:"at_once"`
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if c.PerMinute < 0 || c.PerMinute > 1<<31-1 || c.BodyBytes <= 0 || c.Messages <= 0 || c.MemoryMegabytes <= 0 || c.AtOnce <= 0 {
		return errors.New("per_minute, body_bytes, messages, memory_megabytes and at_once have to be positive")
	}
	return nil
}

// NewFactory makes the factory that the collector is built with.
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("gate"),
		func() component.Config {
			return &Config{PerMinute: 3000, BodyBytes: 1 << 20, Messages: 65536, MemoryMegabytes: 64, AtOnce: 16}
		},
		create,
		component.StabilityLevelStable,
	)
}

// middleware is the extension.
type middleware struct {
	component.StartFunc
	component.ShutdownFunc
	extensionmiddleware.GetHTTPHandlerFunc
}

func create(ctx context.Context, set extension.Settings, config component.Config) (extension.Extension, error) {
	c := config.(*Config)
	counter, err := set.MeterProvider.Meter("runspan/collector/gate").Int64Counter("runspan_gate_refused",
		metric.WithDescription("Requests that were not let in, by the status they got."), metric.WithUnit("1"))
	if err != nil {
		return nil, err
	}
	refused := func(status int) {
		counter.Add(ctx, 1, metric.WithAttributes(attribute.Int("status", status)))
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
	return &middleware{GetHTTPHandlerFunc: func(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) { return wrap, nil }}, nil
}
