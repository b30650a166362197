// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/border"
	"runspan/internal/courier"
	"runspan/internal/run"
	"runspan/internal/schema"
	"runspan/internal/spool"
)

const (
	maxClients = 64
	maxSpans   = 4096 // of one process
	maxLines   = 64   // that wait for the host's callback
	maxLine    = 1000 // bytes of one, but for a span's
)

var errService = errors.New("the schema is another service's")

var (
	clients = newRegistry[*client]()
	spans   = newRegistry[*span]()
)

// client is what a client handle stands for.
type client struct {
	*run.Client
	host  host
	lines lines
	// preview says that spans are shown as they end, and never sent.
	preview bool
}

// span is what a span handle stands for.
type span struct {
	*run.Span
	client *client
}

// config is runspan_core_config, with Go's strings.
type config struct {
	service  string
	schema   string
	endpoint string // empty: the schema's destination
	spool    string // the folder; empty: none
	network  courier.Network
	preview  bool
	host     host
}

// lines are log lines that wait until the host is inside a call.
type lines struct {
	mu      sync.Mutex
	enabled bool
	waiting []line
}

type line struct {
	level level
	text  string
}

type level int

func (l *lines) add(at level, text string) {
	if at != levelSpan && len(text) > maxLine {
		text = text[:maxLine]
	}
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text), "\uFFFD")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.enabled && len(l.waiting) < maxLines {
		l.waiting = append(l.waiting, line{at, text})
	}
}

func (l *lines) take() []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting
	l.waiting = nil
	return waiting
}

// openClient also returns the client where there is an error, for its log
// lines.
func openClient(cfg *config) (*client, error) {
	c := &client{host: cfg.host, preview: cfg.preview}
	c.lines.enabled = cfg.host.log != 0
	s, err := schema.Parse([]byte(cfg.schema))
	if err == nil && s.Service != cfg.service {
		err = errService
	}
	if err != nil {
		c.lines.add(levelWarning, "schema: "+err.Error())
		return c, errors.Join(errSchema, err)
	}
	delivery, err := newDelivery(c, cfg, s)
	if err != nil {
		c.lines.add(levelWarning, err.Error())
		return c, err
	}
	c.Client, err = run.New(s, map[string]string{
		"service.name":   s.Service,
		"distro.name":    "runspan",
		"distro.version": version,
		"sdk.name":       "opentelemetry",
		"sdk.language":   "go",
		"sdk.version":    sdk.Version(),
	}, delivery)
	if err != nil {
		delivery.Close(run.NoTime())
		c.lines.add(levelWarning, "schema: "+err.Error())
		return c, errors.Join(errSchema, err)
	}
	return c, nil
}

// end ends the span; a preview shows it before the host's call returns.
func (s *span) end(status codes.Code) error {
	if err := s.End(status); err != nil {
		return err
	}
	if s.client.preview {
		s.client.Flush(context.Background())
	}
	return nil
}

func newDelivery(c *client, cfg *config, s *schema.Schema) (run.Delivery, error) {
	if cfg.preview {
		return preview{&c.lines}, nil
	}
	endpoint := s.Destination
	if cfg.endpoint != "" {
		endpoint = cfg.endpoint
	}
	if err := courier.CheckEndpoint(endpoint); err != nil {
		return nil, err
	}
	log := func(text string) { c.lines.add(levelDebug, text) }
	check := func(request []byte) error {
		err := border.Check(s, request)
		if errors.Is(err, border.ErrNotNamed) {
			return errors.Join(spool.ErrNotMine, err)
		}
		return err
	}
	store := spool.Open(cfg.spool, spool.Limits{Files: s.SpoolFiles, Bytes: s.SpoolBytes, Age: s.SpoolAge}, check, log)
	return spooled{store, courier.New(endpoint, userAgent, &cfg.network, store, log)}, nil
}

// spooled is a run.Delivery by way of a spool, which persists, and a courier,
// which sends.
type spooled struct {
	*spool.Spool
	courier *courier.Courier
}

// Flush implements run.Delivery.
func (s spooled) Flush(ctx context.Context) bool { return s.courier.Flush(ctx) }

// Finish implements run.Delivery.
func (s spooled) Finish(ctx context.Context) bool { return s.courier.Finish(ctx) }

// Close implements run.Delivery. The courier first: what it has claimed goes
// back to the spool.
func (s spooled) Close(ctx context.Context) {
	s.courier.Close(ctx)
	s.Spool.Close(ctx)
}

// preview is a run.Delivery that shows requests as OTLP/JSON.
type preview struct{ lines *lines }

// Put implements run.Delivery. The JSON is what otlptracehttp would post, and
// is taken from it where it would.
func (p preview) Put(encoded []byte, _ []string) error {
	var request coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(encoded, &request); err != nil {
		return err
	}
	shown := courier.NewOTLPClient("http://localhost/", "", &http.Client{Transport: p}, otlptracehttp.NoCompression, otlptracehttp.EncodingJSON)
	return shown.UploadTraces(context.Background(), request.GetResourceSpans())
}

// RoundTrip implements http.RoundTripper, without a network.
func (p preview) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	p.lines.add(levelSpan, string(body))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}

// Record implements run.Delivery.
func (preview) Record(string, []byte) bool { return false }

// Flush implements run.Delivery.
func (preview) Flush(context.Context) bool { return true }

// Finish implements run.Delivery.
func (preview) Finish(context.Context) bool { return true }

// Close implements run.Delivery.
func (preview) Close(context.Context) {}
