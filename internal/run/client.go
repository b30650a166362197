// SPDX-License-Identifier: MIT

// Package run holds a client and the spans of its host's runs, over
// go.opentelemetry.io/otel/sdk/trace.
//
// A span's attributes are checked against the schema where they are set and
// kept here until the span ends, because the SDK takes them in one go much
// faster than one by one. Ended spans pass through the SDK's batch processor
// and otlptrace's exporter to the outbox, which encodes them into the store
// that the courier delivers from.
package run

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"runspan/internal/schema"
)

const (
	// Ended spans wait this long for others, so that a host that ends many
	// does not cause as many requests. A flush does not wait.
	linger = 5 * time.Millisecond

	queueSize = 4096
	batchSize = 512

	// The batch processor's own timer would wake an idle host; linger does its
	// work.
	never = 365 * 24 * time.Hour
)

// Delivery takes encoded requests from the outbox on. It must not wait for
// the network.
type Delivery interface {
	// Put takes one OTLP ExportTraceServiceRequest, encoded.
	Put(request []byte) error
	// Flush waits until everything put so far is delivered, or waiting has no
	// point, and says whether all of it is.
	Flush(ctx context.Context) bool
	// Close gives up what is not delivered.
	Close()
}

// Client is one service's use of one host process.
type Client struct {
	schema   *schema.Schema
	delivery Delivery
	outbox   *outbox
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	ended    atomic.Uint64 // spans
	kick     chan struct{} // a span has ended
	stop     context.CancelFunc

	mu       sync.Mutex
	resource []attribute.KeyValue
	begun    bool
}

// New returns a client whose spans go to the delivery. sources is what the
// schema's fields with a source are set to.
func New(s *schema.Schema, sources map[string]string, delivery Delivery) (*Client, error) {
	fixed, err := s.FixedResource(sources)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Client{schema: s, delivery: delivery, outbox: &outbox{put: delivery.Put}, kick: make(chan struct{}, 1), stop: stop}
	for _, key := range slices.Sorted(maps.Keys(fixed)) {
		c.resource = append(c.resource, attribute.String(key, fixed[key]))
	}
	exporter, err := otlptrace.New(ctx, c.outbox)
	if err != nil {
		stop()
		return nil, err
	}
	// Each option is given, because OTEL_ variables would fill in for it: they
	// are meant for some other SDK in the host. The resource alone can't be
	// kept from them here; the outbox replaces it.
	c.provider = sdktrace.NewTracerProvider(
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit:   -1,
			AttributeCountLimit:         -1,
			EventCountLimit:             maxEvents,
			LinkCountLimit:              0,
			AttributePerEventCountLimit: -1,
			AttributePerLinkCountLimit:  0,
		}),
		sdktrace.WithResource(resource.Empty()),
		sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(exporter,
			sdktrace.WithMaxQueueSize(queueSize),
			sdktrace.WithMaxExportBatchSize(batchSize),
			sdktrace.WithBatchTimeout(never),
			sdktrace.WithExportTimeout(never),
			// The queue is emptied into the store, never onto the network:
			// waiting for room in it is a matter of microseconds.
			sdktrace.WithBlocking(),
		)),
	)
	c.tracer = c.provider.Tracer(s.Scope)
	go c.handOver(ctx)
	return c, nil
}

// SetResource adds an attribute to the resource, or replaces it. check finds
// the value to report for the field.
func (c *Client) SetResource(key string, check func(*schema.Field) (attribute.Value, error)) error {
	field, err := c.schema.Resource(key)
	if err != nil {
		return err
	}
	value, err := check(field)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return ErrTooLate
	}
	c.resource = set(c.resource, attribute.Key(field.Key), value)
	return nil
}

// Begin starts a span, now, and fixes the resource.
func (c *Client) Begin(name string) (*Span, error) {
	own, err := c.schema.Span(name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if !c.begun {
		c.begun = true
		c.outbox.setResource(c.resource)
	}
	c.mu.Unlock()
	_, span := c.tracer.Start(context.Background(), own)
	return &Span{client: c, name: own, otel: span, attributes: make([]attribute.KeyValue, 0, usualAttributes)}, nil
}

// Flush waits until every span that has ended is delivered, or waiting has no
// point, or ctx ends, and says whether all are.
func (c *Client) Flush(ctx context.Context) bool {
	if c.ended.Load() != c.outbox.spans.Load() && c.provider.ForceFlush(ctx) != nil {
		return false
	}
	return c.delivery.Flush(ctx)
}

// Close ends the client at once. What has not been delivered is given up.
func (c *Client) Close() {
	c.stop()
	c.delivery.Close()
	expired, cancel := context.WithCancel(context.Background())
	cancel()
	// An error says that spans remain, as Close promises.
	_ = c.provider.Shutdown(expired)
}

// spanEnded sees to it that the span is on its way soon.
func (c *Client) spanEnded() {
	select {
	case c.kick <- struct{}{}:
	default: // handOver has not begun with an earlier one
	}
}

func (c *Client) handOver(ctx context.Context) {
	for {
		select {
		case <-c.kick:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(linger):
		case <-ctx.Done():
			return
		}
		// Fails only when the client is closed.
		_ = c.provider.ForceFlush(ctx)
	}
}
