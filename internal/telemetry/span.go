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

// What a call on a client or span may find besides the schema's errors.
var (
	ErrTooLate = errors.New("the resource is fixed once a span has begun")
	ErrTooMany = errors.New("the span has too many events")
	ErrEnded   = errors.New("the span has ended")
)

// list has room for the usual attributes of one span. To make a list for each span,
// and to have Go's garbage collector look at it, costs more than most calls:
// another span gets the list when the span is encoded.
type list [24]attribute.KeyValue

var lists = sync.Pool{New: func() any { return new(list) }}

func (l *list) recycle() {
	clear(l[:])
	lists.Put(l)
}

// Span is one run. Its methods may be called from several goroutines.
type Span struct {
	client *Client
	otel   trace.Span
	began  time.Time

	mu         sync.Mutex
	name       string
	attributes []attribute.KeyValue
	list       *list // attributes begins in it
	events     int
	ended      bool
	patience   time.Duration // how long it may wait for room in the queue
	queued     error         // nil, or ErrFull: the queue had no room for it
	expected   bool          // the delivery has been told that it goes on
	standby    standby
}

// SetName gives the span another of the schema's names, one that may have the
// attributes set so far.
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

// Set sets an attribute, or replaces it.
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

// Error records, now, that an exception of the type ended the run.
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

// End ends the span, now, and hands it over for delivery. ErrFull: it can't, and
// the span is lost.
func (s *Span) End(status codes.Code) error {
	err := s.endWithin(longestWait, status)
	if _, shown := s.client.delivery.(preview); shown && err == nil { // before the host goes on
		s.client.Flush(context.Background())
	}
	return err
}

func (s *Span) endWithin(wait time.Duration, status codes.Code) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end(status, wait)
}

// abort is End for a span whose run did not come to its end.
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

// end is for callers that hold the lock. wait is how long it may.
func (s *Span) end(status codes.Code, wait time.Duration) error {
	if s.ended {
		return ErrEnded
	}
	s.ended, s.patience = true, wait
	s.otel.SetStatus(status, "")
	s.otel.End() // calls processor.OnEnd
	return s.queued
}

// set replaces the attribute's value, or adds it: a list of some twenty is
// searched faster than a map.
func set(list []attribute.KeyValue, key attribute.Key, value attribute.Value) []attribute.KeyValue {
	for i := range list {
		if list[i].Key == key {
			list[i].Value = value
			return list
		}
	}
	return append(list, attribute.KeyValue{Key: key, Value: value})
}
