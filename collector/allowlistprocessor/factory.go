// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"runspan/collector/allowlistprocessor/internal/metadata"
)

// NewFactory returns the processor's factory.
func NewFactory() processor.Factory {
	return processor.NewFactory(
		metadata.Type,
		func() component.Config { return &Config{} },
		processor.WithTraces(create, metadata.TracesStability),
	)
}

func create(ctx context.Context, set processor.Settings, config component.Config, next consumer.Traces) (processor.Traces, error) {
	c := config.(*Config)
	schemas, err := load(c.Schemas)
	if err != nil {
		return nil, err
	}
	l := &list{schemas: schemas}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	counter := telemetry.AllowlistDropped
	var of [kinds]metric.MeasurementOption
	for k, name := range names {
		of[k] = metric.WithAttributeSet(attribute.NewSet(attribute.String("kind", name)))
		counter.Add(ctx, 0, of[k]) // so that the metric is there before a part is dropped
	}
	process := func(ctx context.Context, in ptrace.Traces) (ptrace.Traces, error) {
		out, dropped := l.pass(in)
		for k, n := range dropped {
			if n > 0 {
				counter.Add(ctx, n, of[k])
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
