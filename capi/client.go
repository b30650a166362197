// SPDX-License-Identifier: MIT

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk"

	"runspan/internal/border"
	"runspan/internal/command"
	"runspan/internal/courier"
	"runspan/internal/run"
	"runspan/internal/schema"
	"runspan/internal/show"
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

	mu       sync.Mutex
	deadline time.Time // of the default wait that goes on, in slices; zero: none does
}

// stale is how long ago a default wait may have ended of which one more slice is
// asked for.
const stale = 50 * time.Millisecond

// time returns how long a caller's wait may take. What is at or above sliceLowest is
// so many milliseconds, less that, of the default wait: an interpreter that has to
// look up from time to time waits in slices.
func (c *client) time(milliseconds uint32) time.Duration {
	if milliseconds < sliceLowest {
		return time.Duration(milliseconds) * time.Millisecond
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() || time.Since(c.deadline) > stale {
		c.deadline = time.Now().Add(c.Patience())
	}
	return min(max(time.Until(c.deadline), 0), time.Duration(milliseconds-sliceLowest)*time.Millisecond)
}

// wait waits for a delivery, and says whether all is delivered.
func (c *client) wait(delivered func(context.Context) bool, milliseconds uint32) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.time(milliseconds))
	defer cancel()
	all := delivered(ctx)
	if ctx.Err() == nil { // to wait has no point any more
		c.mu.Lock()
		c.deadline = time.Time{}
		c.mu.Unlock()
	}
	return all
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
	table    bool // of a preview
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
	if at != levelSpan { // which is JSON, or a table of several lines
		text = strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, text)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
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
		c.lines.add(levelWarning, "schema: "+schema.Located([]byte(cfg.schema), err).Error())
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

// runCommand is for a service whose schema may be no schema, or none of its.
func runCommand(service command.Service, text string, asked command.Request, out io.Writer) int {
	s, err := schema.Parse([]byte(text))
	if err == nil && s.Service != service.Name {
		err = errService
	}
	if err != nil && text != "" {
		fmt.Fprintf(out, "%s: schema: %v\n", service.Name, err)
		return command.Failed
	}
	if err == nil {
		service.Schema, service.Endpoint = s, cmp.Or(service.Endpoint, s.Destination)
	}
	return service.Run(asked, out)
}

func newDelivery(c *client, cfg *config, s *schema.Schema) (run.Delivery, error) {
	if cfg.preview {
		return preview{s.Service, cfg.table, &c.lines}, nil
	}
	to := courier.Destination{URL: s.Destination, Pins: s.Pins}
	if cfg.endpoint != "" {
		to = courier.Destination{URL: cfg.endpoint} // its keys are others
	}
	if err := courier.CheckEndpoint(to.URL); err != nil {
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
	return spooled{store, courier.New(to, userAgent, &cfg.network, store, log)}, nil
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

// Patience implements run.Patient.
func (s spooled) Patience(budget time.Duration, short bool) time.Duration {
	return s.courier.Patience(budget, short)
}

// Expect implements run.Expecter.
func (s spooled) Expect(goesOn func() bool) { s.courier.Expect(goesOn) }

// Close implements run.Delivery. The courier first: what it has claimed goes
// back to the spool.
func (s spooled) Close(ctx context.Context) {
	s.courier.Close(ctx)
	s.Spool.Close(ctx)
}

// preview is a run.Delivery that shows requests: as OTLP/JSON, or as a table.
type preview struct {
	service string
	table   bool
	lines   *lines
}

// Put implements run.Delivery.
func (p preview) Put(request []byte, _ []string) error {
	text, err := show.JSON(request)
	if p.table {
		text, err = p.asTable(request)
	}
	if err == nil {
		p.lines.add(levelSpan, text)
	}
	return err
}

func (p preview) asTable(request []byte) (string, error) {
	var text strings.Builder
	spans, err := show.Spans(request)
	for _, rows := range spans {
		fmt.Fprintf(&text, "runspan: %s would report this, and reports nothing:\n", p.service)
		show.Table(&text, rows)
	}
	return text.String(), err
}

// Record implements run.Delivery.
func (preview) Record(string, []byte) bool { return false }

// Flush implements run.Delivery.
func (preview) Flush(context.Context) bool { return true }

// Finish implements run.Delivery.
func (preview) Finish(context.Context) bool { return true }

// Close implements run.Delivery.
func (preview) Close(context.Context) {}
