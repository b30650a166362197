// SPDX-License-Identifier: MIT

// Package telemetry reports the runs of one service, each by a span of
// go.opentelemetry.io/otel/sdk/trace:
//
//	client, err := telemetry.Open(telemetry.Config{Service: "stripepy", Schema: text, Folder: folder})
//	span, err := client.Begin("call")
//	err = span.Set("params.k", telemetry.Value{Kind: telemetry.Int, Int: 3})
//	err = span.End(codes.Ok)
//	client.Close(ctx)
//
// A span's attributes are checked against the schema where they are set and
// kept with the span, where they do not have to be copied. Ended spans wait in the
// queue, and pass through otlptrace's exporter to the encoder, which makes a request
// of them. The spool writes it down, and the courier sends it. A span that lives for
// a while has a standby besides: a report of a run that did not come to its end, for
// the case that it doesn't (standby.go).
package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/sdk"

	"runspan/internal/border"
	"runspan/internal/courier"
	"runspan/internal/schema"
	"runspan/internal/spool"
)

// ErrSchema says that the schema is not valid, or is another service's.
var ErrSchema = errors.New("the schema is not valid")

// Config is all that a client has to know. Only Service and Schema are needed.
type Config struct {
	Service string
	Schema  string // JSON
	Version string // runspan's
	// Endpoint takes the reports; empty: the schema's destination does.
	Endpoint string
	// Folder is where reports wait until they are delivered; empty: in memory.
	Folder  string
	Network courier.Network
	// Preview has each span logged when it ends, and sends none.
	Preview bool
	// Table has a preview log tables for people, not OTLP/JSON.
	Table bool
	// Strict has all that the schema refuses logged, with its value.
	Strict bool
	Log    Log // nil: no lines
}

// Open returns a client, which its host has to close. It starts goroutines, and
// waits for no network.
func Open(config Config) (*Client, error) {
	if config.Log == nil {
		config.Log = func(Level, string) {}
	}
	s, err := schema.ParseFor(config.Service, config.Schema)
	if err != nil {
		return nil, refused(&config, err)
	}
	to, err := config.delivery(s)
	if err != nil {
		config.Log(LevelWarning, err.Error())
		return nil, err
	}
	c, err := newClient(s, Sources(s.Service, config.Version), to)
	if config.Strict && err == nil {
		c.strict = config.Log
	}
	if err != nil {
		to.Close(NoTime())
		return nil, refused(&config, schema.Located([]byte(config.Schema), err))
	}
	return c, nil
}

// Sources returns the text of each source that a schema's field may have, for a version
// of runspan.
func Sources(service, version string) map[string]string {
	return map[string]string{
		"service.name":   service,
		"distro.name":    "runspan",
		"distro.version": version,
		"sdk.name":       "opentelemetry",
		"sdk.language":   "go",
		"sdk.version":    sdk.Version(),
	}
}

// refused logs all that is wrong with the schema, in a line each.
func refused(config *Config, err error) error {
	level := LevelWarning
	if config.Strict {
		level = LevelError
	}
	var faults schema.Faults
	if !errors.As(err, &faults) {
		config.Log(level, "schema: "+err.Error())
	}
	for _, fault := range faults {
		config.Log(level, "schema: "+fault.Error())
	}
	return errors.Join(ErrSchema, err)
}

func (config *Config) delivery(s *schema.Schema) (delivery, error) {
	if config.Preview {
		return preview{s.Service, config.Table, config.Log}, nil
	}
	to := courier.Destination{URL: s.Destination, Pins: s.Pins}
	if config.Endpoint != "" {
		to = courier.Destination{URL: config.Endpoint} // its keys are others
	}
	if err := courier.CheckEndpoint(to.URL); err != nil {
		return nil, err
	}
	log := func(text string) { config.Log(LevelDebug, text) }
	check := func(request []byte) error {
		err := border.Check(s, request)
		if errors.Is(err, border.ErrNotNamed) {
			return errors.Join(spool.ErrNotMine, err)
		}
		return err
	}
	store := spool.Open(config.Folder, spool.Limits{Files: s.SpoolFiles, Bytes: s.SpoolBytes, Age: s.SpoolAge}, check, log)
	return network{store, courier.New(to, "runspan/"+config.Version, &config.Network, store, log)}, nil
}
