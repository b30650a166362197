// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"runspan/internal/border"
	"runspan/internal/schema"
)

// The errors of clients and spans, besides the schema's.
var (
	ErrTooLate = errors.New("the first span has fixed the resource")
	ErrTooMany = errors.New("the span has too many events")
	ErrEnded   = errors.New("the span has ended")
)

// list has room for the usual attributes of one span. Spans reuse lists, because to
// allocate one costs more time than most calls take.
type list [24]attribute.KeyValue

var lists = sync.Pool{New: func() any { return new(list) }}

func (l *list) recycle() {
	clear(l[:])
	lists.Put(l)
}

// Span is one run. Several goroutines may call its methods.
type Span struct {
	client *Client
	otel   trace.Span
	began  time.Time

	mu           sync.Mutex
	name         string
	attributes   []attribute.KeyValue
	list         *list // attributes begins in it
	events       int
	ended        bool
	queueTimeout time.Duration // how long it may wait for room in the queue
	queued       error         // nil, or ErrFull: the queue had no room for it
	expected     bool          // the delivery has been told that it goes on
	standby      standby
}

// SetName renames the span. The schema must have the new name, and must allow the span's
// attributes under it.
func (s *Span) SetName(name string) error {
	c := s.client
	own, err := c.schema.SpanName(name)
	if err != nil {
		return c.refuse(err, "span name", name, nil, func() string { return c.schema.WhyNoSpan(name) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrEnded
	}
	for _, a := range s.attributes {
		if _, err := c.schema.HostAttribute(own, string(a.Key)); err != nil {
			return c.refuse(err, "span name", name, nil, func() string { return "it may not have " + string(a.Key) })
		}
	}
	s.name = own
	s.standby.stale = true
	s.otel.SetName(own)
	return nil
}

// Set sets an attribute; it replaces an earlier value.
func (s *Span) Set(key string, v Value) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrEnded
	}
	c := s.client
	field, err := c.schema.HostAttribute(s.name, key)
	if err != nil {
		return c.refuse(err, "attribute", key, &v, func() string { return c.schema.WhyNotAttribute(s.name, key) })
	}
	value, err := v.forField(field)
	if err != nil {
		return c.refuse(err, "attribute", key, &v, func() string { return field.Why(err) })
	}
	s.attributes = set(s.attributes, attribute.Key(field.Key), value)
	s.standby.stale = true
	return nil
}

// Error adds an event, now: an exception of that type ended the run.
func (s *Span) Error(errorType string) error {
	c := s.client
	texts, err := c.schema.ExceptionAttributes(errorType)
	if err != nil {
		return c.refuse(err, "exception", errorType, nil, func() string { return c.schema.WhyNoException(err) })
	}
	attributes := make([]attribute.KeyValue, len(texts))
	for i, text := range texts {
		attributes[i] = attribute.String(text[0], text[1])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return ErrEnded
	case s.events == border.MaxEvents:
		return ErrTooMany
	}
	s.events++
	s.standby.stale = true
	s.otel.AddEvent(schema.ExceptionEvent, trace.WithAttributes(attributes...))
	return nil
}

// End ends the span, now, and queues it for delivery. After ErrFull the span is lost,
// unless it has a standby.
func (s *Span) End(status codes.Code) error {
	err := s.endWithin(maxQueueWait, status)
	if _, shown := s.client.delivery.(preview); shown && err == nil { // show it before the host goes on
		s.client.Flush(context.Background())
	}
	return err
}

func (s *Span) endWithin(wait time.Duration, status codes.Code) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(status, wait)
}

// abort ends a span as aborted. The error is schema.ErrName if the schema has no
// attribute for that.
func (s *Span) abort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, ok := s.client.schema.AbortedKey(s.name)
	if !ok {
		return schema.ErrName
	}
	s.attributes = set(s.attributes, attribute.Key(key), attribute.BoolValue(true))
	return s.end(codes.Error, 0)
}

func (s *Span) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.client.takeEnded(s.otel.SpanContext().SpanID())
}

// end ends the span. The caller holds s.mu. end waits for room in the queue, at most for
// wait.
func (s *Span) end(status codes.Code, wait time.Duration) error {
	if s.ended {
		return ErrEnded
	}
	s.ended, s.queueTimeout = true, wait
	s.otel.SetStatus(status, "")
	s.otel.End() // calls processor.OnEnd
	return s.queued
}

// set sets an attribute in a list. To search a list of some twenty attributes is faster
// than a map.
func set(list []attribute.KeyValue, key attribute.Key, value attribute.Value) []attribute.KeyValue {
	for i := range list {
		if list[i].Key == key {
			list[i].Value = value
			return list
		}
	}
	return append(list, attribute.KeyValue{Key: key, Value: value})
}
