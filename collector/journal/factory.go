// SPDX-License-Identifier: MIT

package journal

import (
	"context"
	"errors"
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
)

// Config is the exporter's part of the collector's configuration.
type Config struct {
	// Path of the file; its folder has to be there.
	Path string `mapstructure:"path"`
	// MaxMegabytes and MaxAge are when the file is set aside.
	MaxMegabytes int64         `mapstructure:"max_megabytes"`
	MaxAge       time.Duration `mapstructure:"max_age"`
	// Sync is whether a line has to be on the disk before it is acknowledged.
	// Without, a power cut may take back the last seconds; a kill takes nothing.
	Sync bool `mapstructure:"sync"`
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if c.Path == "" || c.MaxMegabytes <= 0 || c.MaxAge <= 0 {
		return errors.New("path, max_megabytes and max_age are needed")
	}
	return nil
}

// NewFactory makes the factory that the collector is built with.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		component.MustNewType("journal"),
		func() component.Config { return &Config{MaxMegabytes: 64, MaxAge: time.Hour, Sync: true} },
		exporter.WithTraces(create, component.StabilityLevelStable),
	)
}

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
	done := make(chan struct{})
	var tending sync.WaitGroup
	var counting metric.Registration
	started := false
	start := func(_ context.Context, host component.Host) error {
		j.broken = func(err error) { // the collector's main loop takes it, which may be waiting for us
			go componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
		if err := j.start(); err != nil {
			return err
		}
		started = true
		tending.Go(func() { tend(j, set.Logger, done, min(c.MaxAge, time.Minute)) })
		var err error
		counting, err = count(j, set.MeterProvider)
		return err
	}
	stop := func(context.Context) error {
		close(done)
		tending.Wait()
		if !started {
			return nil
		}
		var err error
		if counting != nil {
			err = counting.Unregister()
		}
		return errors.Join(err, j.close())
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
		// A write can't be given up half way.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
}

// looks is how often an idle journal looks whether its file is there.
const looks = 500 * time.Millisecond

// tend looks after the file until it is done.
func tend(j *journal, log *zap.Logger, done <-chan struct{}, every time.Duration) {
	aside, look := time.NewTicker(every), time.NewTicker(looks)
	defer aside.Stop()
	defer look.Stop()
	for {
		select {
		case <-done:
			return
		case <-look.C:
			j.look()
		case now := <-aside.C:
			if err := j.tend(now); err != nil {
				log.Error("the file of spans was not set aside", zap.Error(err))
			}
		}
	}
}

// count has what is gone among the collector's metrics.
func count(j *journal, meters metric.MeterProvider) (metric.Registration, error) {
	meter := meters.Meter("runspan/collector/journal")
	gone, err := meter.Int64ObservableGauge("runspan_journal_gone_bytes",
		metric.WithDescription("Acknowledged in files that are not there any more, by the mark of their first line."), metric.WithUnit("By"))
	if err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		for mark, bytes := range j.gone() {
			to.ObserveInt64(gone, bytes, metric.WithAttributes(attribute.String("mark", mark)))
		}
		return nil
	}, gone)
}
