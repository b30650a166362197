// SPDX-License-Identifier: MIT

package telemetry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"runspan/internal/border"
	"runspan/internal/notify"
	"runspan/internal/schema"
)

const (
	// What Close has at the least, whatever its deadline, to have the delivery
	// write what is in memory, and stop.
	grace = 100 * time.Millisecond
	never = 365 * 24 * time.Hour
)

// An exit waits for a hundredth of the run's time, within these bounds: nobody
// feels one percent.
const (
	leastWait  = 300 * time.Millisecond
	mostWait   = 2 * time.Second
	proportion = 100
)

// Client is one service's use of one host process.
type Client struct {
	schema   *schema.Schema
	delivery delivery
	outbox   *outbox
	tracer   trace.Tracer
	queue    *queue
	begun    chan struct{} // a span has begun
	stop     context.CancelFunc
	strict   Log // nil: nothing is logged of what the schema refuses

	mu       sync.Mutex
	resource []attribute.KeyValue
	fixed    bool
	first    time.Time              // when the first span began; zero: none has
	open     map[trace.SpanID]*Span // begun and not ended
	standbys map[string]struct{}    // ids of spans that have a standby, until they are put
}

// newClient returns a client whose spans go to the delivery. sources is what the
// schema's fields with a source are set to.
func newClient(s *schema.Schema, sources map[string]string, to delivery) (*Client, error) {
	fixed, err := s.FixedResource(sources)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{
		schema:   s,
		delivery: to,
		outbox:   &outbox{schema: s},
		begun:    make(chan struct{}, 1),
		stop:     stop,
		open:     make(map[trace.SpanID]*Span),
		standbys: make(map[string]struct{}),
	}
	c.outbox.take = c.put
	for _, key := range slices.Sorted(maps.Keys(fixed)) {
		c.resource = append(c.resource, attribute.String(key, fixed[key]))
	}
	exporter := otlptrace.NewUnstarted(c.outbox)
	c.queue = newQueue(func(spans []sdktrace.ReadOnlySpan) error { return exporter.ExportSpans(ctx, spans) })
	// Each option is given, because OTEL_ variables would fill in for it: they
	// are meant for some other SDK in the host. The resource alone can't be
	// kept from them here; the outbox replaces it.
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithIDGenerator(randomIDs{}),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit:   -1,
			AttributeCountLimit:         -1,
			EventCountLimit:             border.MaxEvents,
			LinkCountLimit:              0,
			AttributePerEventCountLimit: -1,
			AttributePerLinkCountLimit:  0,
		}),
		sdktrace.WithResource(resource.Empty()),
		sdktrace.WithSpanProcessor(processor{c}),
	)
	c.tracer = provider.Tracer(s.Scope)
	go c.queue.run(ctx)
	go c.keepStandbys(ctx)
	return c, nil
}

// SetResource adds an attribute to the resource, or replaces it.
func (c *Client) SetResource(key string, v Value) error {
	field, err := c.schema.HostResource(key)
	if err != nil {
		return c.refuse(err, "resource attribute", key, &v, func() string { return c.schema.WhyNotResource(key) })
	}
	value, err := v.forResource(field)
	if err == nil && !c.setResource(attribute.Key(field.Key), value) {
		err = ErrTooLate
	}
	if err != nil {
		return c.refuse(err, "resource attribute", key, &v, func() string { return field.Why(err) })
	}
	return nil
}

// setResource returns false where the resource is fixed.
func (c *Client) setResource(key attribute.Key, value attribute.Value) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed {
		c.resource = set(c.resource, key, value)
	}
	return !c.fixed
}

// Begin starts a span, now, and fixes the resource.
func (c *Client) Begin(name string) (*Span, error) {
	own, err := c.schema.SpanName(name)
	if err != nil {
		return nil, c.refuse(err, "span name", name, nil, func() string { return c.schema.WhyNoSpan(name) })
	}
	_, otel := c.tracer.Start(context.Background(), own)
	span := &Span{client: c, name: own, otel: otel, began: time.Now(), list: lists.Get().(*list)}
	span.attributes = span.list[:0]
	id := otel.SpanContext().SpanID()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed {
		c.fixed = true
		c.outbox.setResource(c.resource)
	}
	if c.first.IsZero() {
		c.first = span.began
	}
	c.open[id] = span
	notify.Send(c.begun)
	return span, nil
}

// Flush waits until every span that has ended is delivered, or waiting has no
// point, or ctx ends, and says whether all are.
func (c *Client) Flush(ctx context.Context) bool {
	return c.queue.flush(ctx) && c.delivery.Flush(ctx)
}

// Close ends spans that have not ended, as aborted, flushes as Flush does, and
// ends the client. For what is not on the disk then it waits until ctx ends, or
// for a moment (grace) where that is longer.
func (c *Client) Close(ctx context.Context) (delivered bool) {
	for _, s := range c.openSpans() {
		_ = s.abort() // it may have ended since
	}
	delivered = c.queue.flush(ctx) && c.delivery.Finish(ctx)
	left := grace
	if deadline, ok := ctx.Deadline(); ok {
		left = max(left, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	c.queue.flush(ctx) // or not: then there was too little time
	c.stop()
	c.delivery.Close(ctx)
	return delivered
}

// Patience returns how long a Flush or Close should wait at most, where the caller
// has no time of its own in mind: in proportion to how long the run took so far.
func (c *Client) Patience() time.Duration {
	c.mu.Lock()
	first := c.first
	c.mu.Unlock()
	budget := leastWait
	if !first.IsZero() {
		budget = min(max(time.Since(first)/proportion, leastWait), mostWait)
	}
	return c.delivery.Patience(budget, budget == leastWait)
}

// NoTime returns a context that has ended, for a Close that does not wait.
func NoTime() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// takeEnded returns the span of that id, which is not open any more.
func (c *Client) takeEnded(id trace.SpanID) *Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	span := c.open[id]
	delete(c.open, id)
	return span
}

// goesOn says whether there is a span that has not ended.
func (c *Client) goesOn() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) > 0
}

func (c *Client) openSpans() []*Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.open))
}

// put passes spans that have ended from the outbox to the delivery.
func (c *Client) put(request []byte, spans []*tracepb.Span) error {
	return c.delivery.Put(request, c.takeStandbys(spans))
}

// takeStandbys returns the ids of those that have a standby.
func (c *Client) takeStandbys(spans []*tracepb.Span) (ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.standbys) == 0 {
		return nil
	}
	for _, s := range spans {
		id := string(s.SpanId)
		if _, ok := c.standbys[id]; ok {
			delete(c.standbys, id)
			ids = append(ids, id)
		}
	}
	return ids
}

// processor takes spans from the SDK to the queue. It implements sdktrace.SpanProcessor.
type processor struct{ client *Client }

// OnStart implements sdktrace.SpanProcessor.
func (processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor. The SDK calls it from Span.end, which
// holds the span's lock.
func (p processor) OnEnd(snapshot sdktrace.ReadOnlySpan) {
	if span := p.client.takeEnded(snapshot.SpanContext().SpanID()); span != nil {
		span.queued = p.client.queue.add(&endedSpan{described{snapshot, span.attributes}, span.list}, span.patience)
	}
}

// ForceFlush implements sdktrace.SpanProcessor.
func (p processor) ForceFlush(ctx context.Context) error {
	if !p.client.queue.flush(ctx) {
		return cmp.Or(ctx.Err(), errDefect)
	}
	return nil
}

// Shutdown implements sdktrace.SpanProcessor.
func (processor) Shutdown(context.Context) error { return nil }
