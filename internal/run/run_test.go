// SPDX-License-Identifier: MIT

package run_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/run"
	"runspan/internal/schema"
)

// kept is a run.Delivery that keeps what it is given.
type kept struct {
	mu       sync.Mutex
	requests []*coltracepb.ExportTraceServiceRequest
	closed   bool
	panics   bool
}

func (k *kept) Put(encoded []byte) error {
	if k.panics {
		panic("a defect")
	}
	request := &coltracepb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(encoded, request); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, request)
	return nil
}

func (k *kept) Flush(context.Context) bool { return true }

func (k *kept) Close() { k.closed = true }

func (k *kept) spans() (spans []*tracepb.Span) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.requests {
		for _, rs := range r.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				spans = append(spans, ss.Spans...)
			}
		}
	}
	return spans
}

func open(t testing.TB) (*run.Client, *kept) {
	t.Helper()
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	delivery := &kept{}
	c, err := run.New(s, map[string]string{
		"service.name": "stripepy", "distro.name": "runspan", "distro.version": "0.1.0",
		"sdk.name": "opentelemetry", "sdk.language": "go", "sdk.version": "1.47.0",
	}, delivery)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, delivery
}

func text(v string) func(*schema.Field) (attribute.Value, error) {
	return func(f *schema.Field) (attribute.Value, error) {
		own, err := f.String(v)
		return attribute.StringValue(own), err
	}
}

func number(v int64) func(*schema.Field) (attribute.Value, error) {
	return func(f *schema.Field) (attribute.Value, error) { return attribute.Int64Value(v), f.Int(v) }
}

func show(attributes []*commonpb.KeyValue) string {
	var shown []string
	for _, a := range attributes {
		shown = append(shown, fmt.Sprintf("%s=%v", a.Key, strings.ReplaceAll(a.Value.String(), "  ", " ")))
	}
	slices.Sort(shown)
	return strings.Join(shown, "; ")
}

func begin(t testing.TB, c *run.Client, name string) *run.Span {
	t.Helper()
	s, err := c.Begin(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASpanFromBeginToRequest(t *testing.T) {
	// None of it may be heard.
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=node17,user=alice,service.version=9,os.type=mine")
	t.Setenv("OTEL_SERVICE_NAME", "other")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
	t.Setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1")
	t.Setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "0")
	t.Setenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "1000000")
	t.Setenv("OTEL_BSP_EXPORT_TIMEOUT", "1")
	c, delivery := open(t)

	before := time.Now()
	for _, test := range []struct {
		what string
		got  error
		want error
	}{
		{"resource", c.SetResource("service.version", text("1.2.9")), nil},
		{"resource again", c.SetResource("service.version", text("1.3.0")), nil},
		{"resource that runspan sets", c.SetResource("telemetry.sdk.name", text("opentelemetry")), schema.ErrName},
		{"resource not named", c.SetResource("user", text("alice")), schema.ErrName},
		{"resource of a bad value", c.SetResource("os.version", text("a b")), schema.ErrValue},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.what, test.got, test.want)
		}
	}
	if _, err := c.Begin("rm"); err != schema.ErrName {
		t.Errorf("a span that is not named: %v", err)
	}
	s := begin(t, c, "plot")
	for _, test := range []struct {
		what string
		got  error
		want error
	}{
		{"resource too late", c.SetResource("service.version", text("1.3.1")), run.ErrTooLate},
		{"attribute of another span", s.Set("params.k", number(3)), schema.ErrName},
		{"name", s.SetName("plot cm"), nil},
		{"attribute of this name", s.Set("params.highlight_seeds", text("False")), nil},
		{"int", s.Set("params.relative_change_threshold", number(1)), nil},
		{"int again", s.Set("params.relative_change_threshold", number(0)), nil},
		{"wrong type", s.Set("params.highlight_stripes", number(1)), schema.ErrType},
		{"name that has no such attribute", s.SetName("plot hist"), schema.ErrName},
		{"name not named", s.SetName("plot ~/secret"), schema.ErrName},
		{"error", s.Error("RuntimeError"), nil},
		{"end", s.End(codes.Error), nil},
		{"end twice", s.End(codes.Ok), run.ErrEnded},
		{"set after end", s.Set("params.relative_change_threshold", number(2)), run.ErrEnded},
		{"name after end", s.SetName("plot"), run.ErrEnded},
		{"error after end", s.Error("ValueError"), run.ErrEnded},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", test.what, test.got, test.want)
		}
	}
	if !c.Flush(context.Background()) {
		t.Fatal("not flushed")
	}

	if len(delivery.requests) != 1 || len(delivery.requests[0].ResourceSpans) != 1 {
		t.Fatalf("%d requests", len(delivery.requests))
	}
	rs := delivery.requests[0].ResourceSpans[0]
	wantResource := `service.name=string_value:"stripepy"; service.version=string_value:"1.3.0"; ` +
		`telemetry.distro.name=string_value:"runspan"; telemetry.distro.version=string_value:"0.1.0"; ` +
		`telemetry.sdk.language=string_value:"go"; telemetry.sdk.name=string_value:"opentelemetry"; telemetry.sdk.version=string_value:"1.47.0"`
	if got := show(rs.Resource.Attributes); got != wantResource || rs.SchemaUrl != "" {
		t.Errorf("resource:\n got %s %q\nwant %s", got, rs.SchemaUrl, wantResource)
	}
	scope := rs.ScopeSpans[0]
	if scope.Scope.Name != "stripepy" || scope.Scope.Version != "" || len(scope.Scope.Attributes) != 0 || scope.SchemaUrl != "" {
		t.Errorf("scope %v", scope)
	}
	span := scope.Spans[0]
	if got, want := show(span.Attributes), `params.highlight_seeds=string_value:"False"; params.relative_change_threshold=int_value:0`; got != want {
		t.Errorf("attributes: got %s, want %s", got, want)
	}
	if span.Name != "plot cm" || span.Kind != tracepb.Span_SPAN_KIND_INTERNAL || span.Status.Code != tracepb.Status_STATUS_CODE_ERROR || span.Status.Message != "" {
		t.Errorf("span %v", span)
	}
	if len(span.Events) != 1 || span.Events[0].Name != "exception" || show(span.Events[0].Attributes) !=
		`exception.escaped=string_value:"False"; exception.message=string_value:""; exception.stacktrace=string_value:""; exception.type=string_value:"RuntimeError"` {
		t.Errorf("events %v", span.Events)
	}
	started, ended := time.Unix(0, int64(span.StartTimeUnixNano)), time.Unix(0, int64(span.EndTimeUnixNano))
	if started.Before(before.Add(-time.Millisecond)) || ended.Before(started) || ended.After(time.Now().Add(time.Millisecond)) {
		t.Errorf("from %v to %v", started, ended)
	}
	if len(span.ParentSpanId) != 0 || len(span.Links) != 0 || span.DroppedAttributesCount != 0 || span.DroppedEventsCount != 0 {
		t.Errorf("span %v", span)
	}
}

func TestASpanIsHandedOverWithoutAFlush(t *testing.T) {
	c, delivery := open(t)
	if err := begin(t, c, "view").End(codes.Ok); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(delivery.spans()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not")
		}
	}
}

func TestManySpansFromManyGoroutines(t *testing.T) {
	c, delivery := open(t)
	const goroutines, each = 8, 500
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for i := range each {
				s, err := c.Begin("call")
				if err != nil {
					t.Error(err)
					return
				}
				_ = s.Set("params.k", number(int64(i+1)))
				_ = s.End(codes.Ok)
			}
		})
	}
	group.Wait()
	if !c.Flush(context.Background()) {
		t.Fatal("not flushed")
	}
	ids := make(map[string]bool)
	for _, span := range delivery.spans() {
		ids[string(span.TraceId)+string(span.SpanId)] = true
	}
	if len(ids) != goroutines*each {
		t.Errorf("%d spans, want %d", len(ids), goroutines*each)
	}
}

func TestAPanicIsNotTheHosts(t *testing.T) {
	c, delivery := open(t)
	delivery.panics = true
	if err := begin(t, c, "call").End(codes.Ok); err != nil {
		t.Fatal(err)
	}
	if c.Flush(context.Background()) {
		t.Error("flushed what was lost")
	}
}

func TestEventsAreBounded(t *testing.T) {
	c, _ := open(t)
	s := begin(t, c, "call")
	for range 16 {
		if err := s.Error("ValueError"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Error("ValueError"); err != run.ErrTooMany {
		t.Errorf("got %v", err)
	}
}

func TestCloseIsFinal(t *testing.T) {
	c, delivery := open(t)
	s := begin(t, c, "call")
	c.Close()
	if !delivery.closed {
		t.Error("the delivery is not closed")
	}
	_ = s.End(codes.Ok) // of no use, and no harm
	if spans := delivery.spans(); len(spans) != 0 {
		t.Errorf("%d spans after close", len(spans))
	}
}

func BenchmarkSpan(b *testing.B) {
	c, _ := open(b)
	b.ReportAllocs()
	for b.Loop() {
		s := begin(b, c, "call")
		for _, key := range []string{"params.k", "params.nproc", "params.max_width", "params.genomic_belt", "params.contact_map_resolution"} {
			if err := s.Set(key, number(7)); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.End(codes.Ok); err != nil {
			b.Fatal(err)
		}
	}
}
