// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"runspan/internal/spool"
)

const (
	// A span that has not ended by this age gets a standby. Shorter ones leave
	// none, so a loop of them writes nothing.
	firstStandby = 10 * time.Millisecond
	// A standby that says nothing new is still written so often, because other
	// machines can't see for themselves that its process lives.
	heartbeat = spool.Heartbeat
	// At this age of a span the delivery is told to get ready: its end will come.
	// A loop of shorter ones costs the collector no connection that is not used.
	getReady = 30 * time.Millisecond
)

// standby is what a Span knows of its own: guarded by the span's lock.
type standby struct {
	stale   bool      // the span has changed since
	written time.Time // zero: there is none
	due     time.Time // when to look at it again
}

// keepStandbys writes the standbys of the spans that are open.
func (c *Client) keepStandbys(ctx context.Context) {
	// A panic on a goroutine of ours would end the host. After one there are no
	// more standbys.
	defer func() { _ = recover() }()
	timer := time.NewTimer(never)
	defer timer.Stop()
	for {
		select {
		case <-c.begun:
			select {
			case <-time.After(firstStandby):
			case <-ctx.Done():
				return
			}
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		next := never
		for _, s := range c.openSpans() {
			next = min(next, s.keepStandby(time.Now()), s.expect(time.Now()))
		}
		timer.Reset(next)
	}
}

// expect tells the delivery once of a span that goes on, and returns when to come
// for that.
func (s *Span) expect(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.expected {
		return never
	}
	if wait := s.began.Add(getReady).Sub(now); wait > 0 {
		return wait
	}
	s.expected = true
	s.client.delivery.Expect(s.client.goesOn)
	return never
}

// keepStandby writes the span's standby where it is due, and returns when to come
// again. The pauses grow as the span gets older, so that it is written seldom
// however often the span changes.
func (s *Span) keepStandby(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return never
	}
	if s.standby.due.IsZero() {
		s.standby.due = s.began.Add(firstStandby)
	}
	if wait := s.standby.due.Sub(now); wait > 0 {
		return wait
	}
	if s.standby.written.IsZero() || s.standby.stale || now.Sub(s.standby.written) >= heartbeat {
		s.writeStandby(now)
	}
	pause := min(max(now.Sub(s.began), firstStandby), heartbeat)
	s.standby.due = now.Add(pause)
	return pause
}

// writeStandby is for callers that hold the lock: a span that ends meanwhile is
// put after its standby, which it replaces.
func (s *Span) writeStandby(now time.Time) {
	key, ok := s.client.schema.AbortedKey(s.name)
	if !ok {
		return
	}
	attributes := append(slices.Clone(s.attributes), attribute.Bool(key, true))
	span := s.otel.(sdktrace.ReadOnlySpan)
	// As the SDK does at a span's end: the clock may have been set back since.
	start := span.StartTime()
	request := s.client.encode(aborted{described{span, attributes}, start.Add(now.Sub(start))})
	id := s.otel.SpanContext().SpanID()
	if request == nil || !s.client.delivery.Standby(string(id[:]), request) {
		return
	}
	s.standby.written, s.standby.stale = now, false
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	s.client.standbys[string(id[:])] = struct{}{}
}

// aborted is a span that has not ended, as if it had been aborted.
type aborted struct {
	described
	at time.Time
}

// EndTime implements sdktrace.ReadOnlySpan.
func (a aborted) EndTime() time.Time { return a.at }

// Status implements sdktrace.ReadOnlySpan.
func (a aborted) Status() sdktrace.Status { return sdktrace.Status{Code: codes.Error} }

// encode returns a span as a request; nil after a defect.
func (c *Client) encode(span sdktrace.ReadOnlySpan) (request []byte) {
	o := &outbox{schema: c.schema, take: func(encoded []byte, _ []*tracepb.Span) error {
		request = encoded
		return nil
	}}
	o.resource.Store(c.outbox.resource.Load())
	if otlptrace.NewUnstarted(o).ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{span}) != nil {
		return nil
	}
	return request
}
