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
	// grace is the least time that Close has for writing batches to files and for
	// stopping the delivery, whatever its deadline.
	grace = 100 * time.Millisecond
	never = 365 * 24 * time.Hour
)

// An exit waits for a hundredth of the run's time, within these bounds. Nobody notices
// one percent.
const (
	minWait    = 300 * time.Millisecond
	maxWait    = 2 * time.Second
	proportion = 100
)

// Client reports the runs of one service in this process. Several goroutines may call
// its methods.
type Client struct {
	schema   *schema.Schema
	delivery delivery
	encoder  *encoder
	tracer   trace.Tracer
	queue    *queue
	begun    chan struct{} // receives a value when a span begins
	stop     context.CancelFunc
	strict   Log // nil: nothing is logged of what the schema refuses

	mu       sync.Mutex
	resource []attribute.KeyValue
	fixed    bool
	first    time.Time              // when the first span began; zero: no span has
	open     map[trace.SpanID]*Span // spans that have not ended
	standbys map[string]struct{}    // ids of spans that have a standby and are not with the delivery yet
}

// newClient returns a client whose spans go to the delivery. sources has the values of
// the schema's fields that have a source.
func newClient(s *schema.Schema, sources map[string]string, to delivery) (*Client, error) {
	fixed, err := s.FixedResource(sources)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{
		schema:   s,
		delivery: to,
		encoder:  &encoder{schema: s},
		begun:    make(chan struct{}, 1),
		stop:     stop,
		open:     make(map[trace.SpanID]*Span),
		standbys: make(map[string]struct{}),
	}
	c.encoder.store = c.put
	for _, key := range slices.Sorted(maps.Keys(fixed)) {
		c.resource = append(c.resource, attribute.String(key, fixed[key]))
	}
	exporter := otlptrace.NewUnstarted(c.encoder)
	c.queue = newQueue(func(spans []sdktrace.ReadOnlySpan) error { return exporter.ExportSpans(ctx, spans) })
	// Set each option, because the host's OTEL_ variables would set the others, and
	// those variables are for the host's own SDK. The SDK adds them to the resource
	// all the same, so the encoder replaces the resource.
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

// SetResource sets an attribute of the resource. After the first Begin the error is
// ErrTooLate.
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

// Begin starts a span, now. The first Begin fixes the resource.
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
		c.encoder.setResource(c.resource)
	}
	if c.first.IsZero() {
		c.first = span.began
	}
	c.open[id] = span
	notify.Send(c.begun)
	return span, nil
}

// Flush waits until all ended spans are delivered, but not beyond the end of ctx, and not
// in a pause. It reports whether all are delivered.
func (c *Client) Flush(ctx context.Context) bool {
	return c.queue.flush(ctx) && c.delivery.Flush(ctx)
}

// Close ends the open spans as aborted, flushes as Flush does, and ends the client. It
// reports whether all spans are delivered.
func (c *Client) Close(ctx context.Context) (delivered bool) {
	delivered = c.Finish(ctx, 0)
	c.Stop(ctx)
	return delivered
}

// Finish ends the open spans as aborted, and flushes as Flush does. It reports whether
// all spans are delivered. The delivery goes on until Stop, for linger after the end of
// ctx.
func (c *Client) Finish(ctx context.Context, linger time.Duration) (delivered bool) {
	for _, s := range c.openSpans() {
		_ = s.abort() // it may have ended since
	}
	return c.queue.flush(ctx) && c.delivery.Finish(ctx, linger)
}

// Linger returns how long a process beside the host may go on delivering after the last
// close.
func (c *Client) Linger() time.Duration { return c.schema.Linger }

// HandsOver reports whether the closed client has left spans that a process beside the
// host shall deliver: the schema allows it, and it has a chance.
func (c *Client) HandsOver() bool {
	return c.schema.HandsOver && c.delivery.IsLeft(c.schema.Linger)
}

// Forget forgets the open spans. They are not reported, and nothing writes their standbys
// any more.
func (c *Client) Forget() {
	for _, s := range c.openSpans() {
		s.forget()
	}
}

// Stop ends the client. It waits for batches to be written to files until ctx ends, but
// at least for grace.
func (c *Client) Stop(ctx context.Context) {
	left := grace
	if deadline, ok := ctx.Deadline(); ok {
		left = max(left, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(context.Background(), left)
	defer cancel()
	c.queue.flush(ctx) // if this fails, there was too little time
	c.stop()
	c.delivery.Close(ctx)
}

// DefaultTimeout returns the timeout of a Flush or Close whose caller has none. It is in
// proportion to the time since the first Begin.
func (c *Client) DefaultTimeout() time.Duration {
	c.mu.Lock()
	first := c.first
	c.mu.Unlock()
	budget := minWait
	if !first.IsZero() {
		budget = min(max(time.Since(first)/proportion, minWait), maxWait)
	}
	return c.delivery.ExitTimeout(budget, budget == minWait)
}

// NoTime returns a context that has ended, for a Close that must not wait.
func NoTime() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// takeEnded removes a span from the open ones, and returns it.
func (c *Client) takeEnded(id trace.SpanID) *Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	span := c.open[id]
	delete(c.open, id)
	return span
}

// isRunning reports whether there is an open span.
func (c *Client) isRunning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open) > 0
}

func (c *Client) openSpans() []*Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.open))
}

// put passes a request from the encoder to the delivery.
func (c *Client) put(request []byte, spans []*tracepb.Span) error {
	return c.delivery.Put(request, c.takeStandbys(spans))
}

// takeStandbys returns the ids of the spans that have a standby, and forgets them.
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

// processor puts the SDK's ended spans into the queue. It implements
// sdktrace.SpanProcessor.
type processor struct{ client *Client }

// OnStart implements sdktrace.SpanProcessor.
func (processor) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd implements sdktrace.SpanProcessor. The SDK calls it inside Span.end, which holds
// the span's lock.
func (p processor) OnEnd(snapshot sdktrace.ReadOnlySpan) {
	if span := p.client.takeEnded(snapshot.SpanContext().SpanID()); span != nil {
		span.queued = p.client.queue.add(&endedSpan{checkedSpan{snapshot, span.attributes}, span.list}, span.queueTimeout)
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
