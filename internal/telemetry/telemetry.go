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
// A span checks its attributes against the schema when they are set, and keeps them,
// because the SDK would copy them (span.go). An ended span goes into the queue
// (queue.go). The queue exports spans, through otlptrace's exporter, to the encoder,
// which makes a request of them (encode.go). The spool writes the request to a file, and
// the courier sends it (delivery.go). A span that lives for a while has a standby too:
// the report that a later run sends if this run is killed (standby.go).
package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/sdk"

	"runspan/internal/border"
	"runspan/internal/courier"
	"runspan/internal/schema"
	"runspan/internal/spool"
)

// ErrSchema says that the schema is not valid, or belongs to another service.
var ErrSchema = errors.New("the schema is not valid")

// Config has the options of a client. Only Service and Schema are required.
type Config struct {
	Service string
	Schema  string // JSON
	Version string // runspan's
	// Endpoint is a URL that replaces the schema's destination; empty: it does not.
	Endpoint string
	// Folder is the spool's folder; empty: batches are in memory only.
	Folder  string
	Network courier.Network
	// Preview logs each span when it ends, and sends nothing.
	Preview bool
	// Table makes a preview log tables for people instead of OTLP/JSON.
	Table bool
	// Strict logs each refusal of the schema, with the value.
	Strict bool
	Log    Log // nil: no log
}

// Open returns a client. The caller must close it. Open starts goroutines, and does not
// wait for the network.
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

// refused logs each fault of the schema in a line.
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
		to = courier.Destination{URL: config.Endpoint} // the schema's pins are for its own destination
	}
	if err := courier.CheckEndpoint(to.URL); err != nil {
		return nil, err
	}
	log := func(text string) { config.Log(LevelDebug, text) }
	check := func(request []byte) error {
		err := border.Check(s, request)
		if errors.Is(err, border.ErrNotAllowed) {
			return errors.Join(spool.ErrOtherVersion, err)
		}
		return err
	}
	store := spool.Open(config.Folder, spool.Limits{Files: s.SpoolFiles, Bytes: s.SpoolBytes, Age: s.SpoolAge}, check, log)
	return spooled{store, courier.New(to, "runspan/"+config.Version, &config.Network, store, log)}, nil
}
