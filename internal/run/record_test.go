// SPDX-License-Identifier: MIT

package run

import (
	"context"
	"os"
	"testing"
	"time"
	"unsafe"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/schema"
)

// lastRecord is a Delivery that keeps the last record.
type lastRecord struct{ request []byte }

func (*lastRecord) Put([]byte, []string) error  { return nil }
func (*lastRecord) Flush(context.Context) bool  { return true }
func (*lastRecord) Finish(context.Context) bool { return true }
func (*lastRecord) Close(context.Context)       {}

func (l *lastRecord) Record(_ string, request []byte) bool {
	l.request = request
	return true
}

// A run lasts as long as it does, whatever the clock is set to meanwhile.
func TestARecordOfAClockThatWasSetBack(t *testing.T) {
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var l lastRecord
	c, err := New(parsed, map[string]string{
		"service.name": "stripepy", "distro.name": "runspan", "distro.version": "0.1.0",
		"sdk.name": "opentelemetry", "sdk.language": "go", "sdk.version": "1.47.0",
	}, &l)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(NoTime())
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
	s.writeRecord(now)
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
