// SPDX-License-Identifier: MIT

package journalexporter

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"runspan/collector/journalexporter/internal/metadata"
)

func create(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Traces, error) {
	c := config.(*Config)
	j := &journal{path: c.Path, maxSize: c.MaxMegabytes << 20, maxAge: c.MaxAge, sync: c.Sync}
	j.noticed = func(why, err error) {
		if err != nil {
			set.Logger.Error("the file of spans is not as it was written, and can't be made anew", zap.NamedError("why", why), zap.Error(err))
			return
		}
		set.Logger.Warn("the file of spans was not as it was written, and is made anew", zap.NamedError("why", why))
	}
	telemetry, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	var tending sync.WaitGroup
	started := false
	start := func(_ context.Context, host component.Host) error {
		j.broken = func(err error) { // on another goroutine, because the collector's main loop may be waiting for this one
			go componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
		if err := j.start(); err != nil {
			return err
		}
		started = true
		tending.Go(func() { tend(j, set.Logger, done, min(c.MaxAge, time.Minute)) })
		return telemetry.RegisterJournalGoneBytesCallback(func(_ context.Context, to metric.Int64Observer) error {
			for mark, bytes := range j.gone() {
				to.Observe(bytes, metric.WithAttributes(attribute.String("mark", mark)))
			}
			return nil
		})
	}
	stop := func(context.Context) error {
		close(done)
		tending.Wait()
		if !started {
			return nil
		}
		telemetry.Shutdown()
		return j.close()
	}
	marshaler := ptrace.JSONMarshaler{}
	consume := func(_ context.Context, spans ptrace.Traces) error {
		line, err := marshaler.MarshalTraces(spans)
		if err != nil {
			return err
		}
		return j.append(line)
	}
	return exporterhelper.NewTraces(ctx, set, config, consume,
		exporterhelper.WithStart(start),
		exporterhelper.WithShutdown(stop),
		// A write can't be interrupted half way.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
}

// checkEvery is how often the exporter checks the file when there are no requests.
const checkEvery = 500 * time.Millisecond

// tend checks the file, and sets it aside when it is too old, until done is closed.
func tend(j *journal, log *zap.Logger, done <-chan struct{}, every time.Duration) {
	aside, check := time.NewTicker(every), time.NewTicker(checkEvery)
	defer aside.Stop()
	defer check.Stop()
	for {
		select {
		case <-done:
			return
		case <-check.C:
			j.check()
		case now := <-aside.C:
			if err := j.tend(now); err != nil {
				log.Error("the file of spans was not set aside", zap.Error(err))
			}
		}
	}
}
