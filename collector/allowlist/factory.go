// SPDX-License-Identifier: MIT

package allowlist

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Config is the processor's part of the collector's configuration.
type Config struct {
	// Schemas are files, and folders of files, with the schemas of the services.
	// They are read when the collector starts.
	Schemas []string `mapstructure:"schemas"`
	// Ahead is how far in the future a span may lie: a client's clock may be wrong.
	Ahead time.Duration `mapstructure:"ahead"`
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if len(c.Schemas) == 0 {
		return errors.New("schemas: name a file or a folder")
	}
	if c.Ahead < 0 {
		return errors.New("ahead: less than nothing")
	}
	return nil
}

// NewFactory makes the factory that the collector is built with.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		component.MustNewType("allowlist"),
		func() component.Config { return &Config{Ahead: 24 * time.Hour} },
		processor.WithTraces(create, component.StabilityLevelStable),
	)
}

func create(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	c := config.(*Config)
	schemas, err := load(c.Schemas)
	if err != nil {
		return nil, err
	}
	l := &list{schemas: schemas, ahead: c.Ahead}
	counter, err := set.MeterProvider.Meter("runspan/collector/allowlist").Int64Counter("runspan_allowlist_dropped",
		metric.WithDescription("What no schema names, by what it was."), metric.WithUnit("1"))
	if err != nil {
		return nil, err
	}
	var of [kinds]metric.MeasurementOption
	for w, name := range names {
		of[w] = metric.WithAttributeSet(attribute.NewSet(attribute.String("what", name)))
		counter.Add(ctx, 0, of[w]) // so that it is there before anything is dropped
	}
	process := func(ctx context.Context, in ptrace.Traces) (ptrace.Traces, error) {
		out, dropped := l.pass(in, time.Now())
		for w, n := range dropped {
			if n > 0 {
				counter.Add(ctx, n, of[w])
			}
		}
		if out.ResourceSpans().Len() > 0 {
			return out, nil
		}
		if in.SpanCount() > 0 {
			return out, errNothing
		}
		return out, processorhelper.ErrSkipProcessingData
	}
	return processorhelper.NewTraces(ctx, set, config, next, process,
		processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
}
