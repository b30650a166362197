// SPDX-License-Identifier: MIT

package telemetry

import (
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/codes"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// lastStandby is a delivery that keeps the last standby, and counts what it is to
// expect.
type lastStandby struct {
	preview   // for the rest
	request   []byte
	expected  atomic.Int32
	isRunning atomic.Value
}

func (l *lastStandby) Expect(isRunning func() bool) {
	l.isRunning.Store(isRunning)
	l.expected.Add(1)
}

func (l *lastStandby) Standby(_ string, request []byte) bool {
	l.request = request
	return true
}

// The delivery is told once of a span that goes on, and of short ones not at all.
func TestALongSpanIsExpected(t *testing.T) {
	var l lastStandby
	c := openWith(t, &l)
	for range 50 {
		s, err := c.Begin("call")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := s.End(codes.Ok); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.expected.Load(); n != 0 {
		t.Errorf("of short spans it is told %d times", n)
	}
	s, err := c.Begin("call")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); l.expected.Load() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond)
	if n := l.expected.Load(); n != 1 {
		t.Fatalf("of a long span it is told %d times", n)
	}
	isRunning := l.isRunning.Load().(func() bool)
	if !isRunning() {
		t.Error("it does not go on")
	}
	if err := s.End(codes.Ok); err != nil {
		t.Fatal(err)
	}
	if isRunning() {
		t.Error("it goes on after its end")
	}
}

// A run lasts as long as it does, whatever the clock is set to meanwhile.
func TestAStandbyOfAClockThatWasSetBack(t *testing.T) {
	var l lastStandby
	c := openWith(t, &l)
	s, err := c.Begin("call")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(time.Minute)
	// An hour less on the wall alone: the seconds are above the 30 bits of the
	// nanoseconds in a Time's first word.
	before := now.Unix()
	*(*uint64)(unsafe.Pointer(&now)) -= 3600 << 30
	if got := before - now.Unix(); got != 3600 {
		t.Fatalf("the clock was set back %d s", got)
	}
	s.mu.Lock()
	s.writeStandby(now)
	request := l.request
	s.mu.Unlock()
	var got coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &got); err != nil {
		t.Fatal(err)
	}
	span := got.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if took := time.Duration(span.EndTimeUnixNano - span.StartTimeUnixNano); took < time.Minute || took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
}
