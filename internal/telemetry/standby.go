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
	// A span gets a standby at this age. A loop of shorter spans writes no standbys.
	firstStandby = 10 * time.Millisecond
	// A standby is written anew this often even if it is unchanged, because other
	// machines can only see from its file that its process is alive.
	heartbeat = spool.Heartbeat
	// At this age of a span the delivery may connect to the collector. A loop of
	// shorter spans makes no connection without a request.
	getReady = 30 * time.Millisecond
)

// standby is the state of a span's standby. The span's lock guards it.
type standby struct {
	stale   bool      // the span has changed since the standby was written
	written time.Time // zero: there is no standby
	due     time.Time // when to check again whether to write it
}

// keepStandbys writes the standbys of the spans that are open.
func (c *Client) keepStandbys(ctx context.Context) {
	// A panic on this goroutine would end the host. After a panic there are no more
	// standbys.
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

// expect calls the delivery's Expect once, at the age getReady. It returns the time until
// then.
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
	s.client.delivery.Expect(s.client.isRunning)
	return never
}

// keepStandby writes the span's standby if it is due, and returns the time until the next
// check. That time grows with the age of the span, so that the standby is written seldom
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
	wait := min(max(now.Sub(s.began), firstStandby), heartbeat)
	s.standby.due = now.Add(wait)
	return wait
}

// writeStandby writes the span's standby. The caller holds s.mu, so that a span that ends
// meanwhile reaches the delivery after its standby, and replaces it.
func (s *Span) writeStandby(now time.Time) {
	key, ok := s.client.schema.AbortedKey(s.name)
	if !ok {
		return
	}
	attributes := append(slices.Clone(s.attributes), attribute.Bool(key, true))
	span := s.otel.(sdktrace.ReadOnlySpan)
	// Like the SDK, use the monotonic clock: the wall clock may have been set back.
	start := span.StartTime()
	request := s.client.encode(aborted{checkedSpan{span, attributes}, start.Add(now.Sub(start))})
	id := s.otel.SpanContext().SpanID()
	if request == nil || !s.client.delivery.Standby(string(id[:]), request) {
		return
	}
	s.standby.written, s.standby.stale = now, false
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	s.client.standbys[string(id[:])] = struct{}{}
}

// aborted is an open span, as if it had been aborted at that time.
type aborted struct {
	checkedSpan
	at time.Time
}

// EndTime implements sdktrace.ReadOnlySpan.
func (a aborted) EndTime() time.Time { return a.at }

// Status implements sdktrace.ReadOnlySpan.
func (a aborted) Status() sdktrace.Status { return sdktrace.Status{Code: codes.Error} }

// encode returns a span as an encoded request. It returns nil after a defect.
func (c *Client) encode(span sdktrace.ReadOnlySpan) (request []byte) {
	e := &encoder{schema: c.schema, store: func(encoded []byte, _ []*tracepb.Span) error {
		request = encoded
		return nil
	}}
	e.resource.Store(c.encoder.resource.Load())
	if otlptrace.NewUnstarted(e).ExportSpans(context.Background(), []sdktrace.ReadOnlySpan{span}) != nil {
		return nil
	}
	return request
}
