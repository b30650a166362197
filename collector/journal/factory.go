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
	done := make(chan struct{})
	var tending sync.WaitGroup
	started := false
	start := func(_ context.Context, host component.Host) error {
		j.broken = func(err error) { // the collector's main loop takes it, which may be waiting for us
			go componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(err))
		}
		if err := j.start(); err != nil {
			return err
		}
		started = true
		tending.Go(func() {
			ticker := time.NewTicker(min(c.MaxAge, time.Minute))
			defer ticker.Stop()
			for {
				select {
				case <-done:
					return
				case now := <-ticker.C:
					if err := j.tend(now); err != nil {
						set.Logger.Error("the file of spans was not set aside", zap.Error(err))
					}
				}
			}
		})
		return nil
	}
	stop := func(context.Context) error {
		close(done)
		tending.Wait()
		if !started {
			return nil
		}
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
		// A write can't be given up half way.
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{Timeout: 0}),
		exporterhelper.WithCapabilities(consumer.Capabilities{MutatesData: false}))
}
