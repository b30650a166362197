// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"runspan/internal/schema"
)

// kept is a delivery that keeps what it is given.
type kept struct {
	preview  // for the rest
	mu       sync.Mutex
	requests []*coltracepb.ExportTraceServiceRequest
	standbys map[string][]*coltracepb.ExportTraceServiceRequest // span id → what it was, and is
	replaced []string
	closed   bool
	panics   bool
	full     chan struct{} // Put waits for it to close; nil: it doesn't
}

func (k *kept) Put(encoded []byte, standbys []string) error {
	if k.panics {
		panic("a defect")
	}
	if k.full != nil {
		<-k.full
	}
	request := &coltracepb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(encoded, request); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.requests = append(k.requests, request)
	k.replaced = append(k.replaced, standbys...)
	return nil
}

func (k *kept) Standby(span string, encoded []byte) bool {
	request := &coltracepb.ExportTraceServiceRequest{}
	if proto.Unmarshal(encoded, request) != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.standbys == nil {
		k.standbys = make(map[string][]*coltracepb.ExportTraceServiceRequest)
	}
	k.standbys[span] = append(k.standbys[span], request)
	return true
}

func (k *kept) Close(context.Context) { k.closed = true }

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

func open(t testing.TB) (*Client, *kept) {
	t.Helper()
	delivery := &kept{}
	return openWith(t, delivery), delivery
}

func openWith(t testing.TB, to delivery) *Client {
	t.Helper()
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newClient(s, map[string]string{
		"service.name": "stripepy", "distro.name": "runspan", "distro.version": "0.1.0",
		"sdk.name": "opentelemetry", "sdk.language": "go", "sdk.version": "1.47.0",
	}, to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(NoTime()) })
	return c
}

func text(v string) Value { return Value{Kind: String, Text: v} }

func number(v int64) Value { return Value{Kind: Int, Int: v} }

func shown(attributes []*commonpb.KeyValue) string {
	var texts []string
	for _, a := range attributes {
		texts = append(texts, fmt.Sprintf("%s=%v", a.Key, strings.ReplaceAll(a.Value.String(), "  ", " ")))
	}
	slices.Sort(texts)
	return strings.Join(texts, "; ")
}

func begin(t testing.TB, c *Client, name string) *Span {
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
		{"resource too late", c.SetResource("service.version", text("1.3.1")), ErrTooLate},
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
		{"end twice", s.End(codes.Ok), ErrEnded},
		{"set after end", s.Set("params.relative_change_threshold", number(2)), ErrEnded},
		{"name after end", s.SetName("plot"), ErrEnded},
		{"error after end", s.Error("ValueError"), ErrEnded},
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
	if got := shown(rs.Resource.Attributes); got != wantResource || rs.SchemaUrl != "" {
		t.Errorf("resource:\n got %s %q\nwant %s", got, rs.SchemaUrl, wantResource)
	}
	scope := rs.ScopeSpans[0]
	if scope.Scope.Name != "stripepy" || scope.Scope.Version != "" || len(scope.Scope.Attributes) != 0 || scope.SchemaUrl != "" {
		t.Errorf("scope %v", scope)
	}
	span := scope.Spans[0]
	if got, want := shown(span.Attributes), `params.highlight_seeds=string_value:"False"; params.relative_change_threshold=int_value:0`; got != want {
		t.Errorf("attributes: got %s, want %s", got, want)
	}
	if span.Name != "plot cm" || span.Kind != tracepb.Span_SPAN_KIND_INTERNAL || span.Status.Code != tracepb.Status_STATUS_CODE_ERROR || span.Status.Message != "" {
		t.Errorf("span %v", span)
	}
	if len(span.Events) != 1 || span.Events[0].Name != "exception" || shown(span.Events[0].Attributes) !=
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

// However large the spans, the project's collector takes each request.
func TestRequestsAreBounded(t *testing.T) {
	for _, test := range []struct {
		column string
		errors int
	}{{"cfx_of_variation", 16}, {"min", 0}} {
		c, delivery := open(t)
		delivery.full = make(chan struct{})
		columns := Value{Kind: Texts, Texts: slices.Repeat([]string{test.column}, 64)}
		const spans = 512
		for range spans {
			s := begin(t, c, "view")
			if err := s.Set("params.columns", columns); err != nil {
				t.Fatal(err)
			}
			for range test.errors {
				if err := s.Error("ValueError"); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.End(codes.Ok); err != nil {
				t.Fatal(err)
			}
		}
		close(delivery.full)
		if !c.Flush(context.Background()) || len(delivery.spans()) != spans {
			t.Fatalf("%v: %d spans came", test, len(delivery.spans()))
		}
		for _, r := range delivery.requests {
			if size, fields := proto.Size(r), withLength(r.ProtoReflect()); size > 512<<10 || fields > 1<<15+100 {
				t.Errorf("%v: a request of %d bytes and %d fields", test, size, fields)
			}
		}
	}
}

// withLength counts the fields of a message that are encoded with a length.
func withLength(m protoreflect.Message) (n int) {
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		one := func(v protoreflect.Value) {
			switch field.Kind() {
			case protoreflect.MessageKind:
				n += 1 + withLength(v.Message())
			case protoreflect.StringKind, protoreflect.BytesKind:
				n++
			}
		}
		if !field.IsList() {
			one(v)
			return true
		}
		for i := range v.List().Len() {
			one(v.List().Get(i))
		}
		return true
	})
	return n
}

func TestEventsAreBounded(t *testing.T) {
	c, _ := open(t)
	s := begin(t, c, "call")
	for range 16 {
		if err := s.Error("ValueError"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Error("ValueError"); err != ErrTooMany {
		t.Errorf("got %v", err)
	}
}

// expired is the context of a close that does not wait.
func TestCloseAbortsOpenSpans(t *testing.T) {
	c, delivery := open(t)
	s := begin(t, c, "call")
	if err := s.Set("params.k", number(3)); err != nil {
		t.Fatal(err)
	}
	c.Close(NoTime())
	if !delivery.closed {
		t.Error("the delivery is not closed")
	}
	if err := s.End(codes.Ok); err != ErrEnded {
		t.Errorf("an end after close: %v", err)
	}
	spans := delivery.spans()
	if len(spans) != 1 || shown(spans[0].Attributes) != `aborted=bool_value:true; params.k=int_value:3` ||
		spans[0].Status.Code != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("it left %v", spans)
	}
}

// A host may open and close many clients: nothing of one is left.
// Another thread may end a span, and flush, while the client is closed.
func TestAFlushAfterCloseReturns(t *testing.T) {
	c, _ := open(t)
	s := begin(t, c, "call")
	c.Close(NoTime())
	late := begin(t, c, "call")
	if err := s.End(codes.Ok); err != ErrEnded {
		t.Errorf("a span that Close has ended: %v", err)
	}
	_ = late.End(codes.Ok)
	if c.Flush(context.Background()) {
		t.Error("a span is delivered after Close")
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		c, _ := open(t)
		begin(t, c, "call")
		c.Close(NoTime())
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// wait waits until the condition holds of what is kept.
func wait(t *testing.T, k *kept, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		k.mu.Lock()
		ok := holds()
		k.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no " + what)
		}
	}
}

func TestASpanThatLivesHasAStandby(t *testing.T) {
	c, delivery := open(t)
	s := begin(t, c, "call")
	var id string
	wait(t, delivery, "standby", func() bool {
		for id = range delivery.standbys {
		}
		return id != ""
	})
	if err := s.Set("params.k", number(3)); err != nil {
		t.Fatal(err)
	}
	wait(t, delivery, "second standby", func() bool { return len(delivery.standbys[id]) > 1 })
	if err := s.End(codes.Ok); err != nil || !c.Flush(context.Background()) {
		t.Fatal(err, "or not flushed")
	}
	whole := delivery.spans()[0]
	if !slices.Equal(delivery.replaced, []string{id}) || string(whole.SpanId) != id {
		t.Errorf("the span replaced %q, not %q", delivery.replaced, id)
	}
	if shown(whole.Attributes) != `params.k=int_value:3` {
		t.Errorf("the span: %v", whole)
	}
	for i, want := range []string{`aborted=bool_value:true`, `aborted=bool_value:true; params.k=int_value:3`} {
		rs := delivery.standbys[id][i].ResourceSpans[0]
		got := rs.ScopeSpans[0].Spans[0]
		if shown(got.Attributes) != want || got.Status.Code != tracepb.Status_STATUS_CODE_ERROR || got.Name != "call" ||
			string(got.TraceId) != string(whole.TraceId) || string(got.SpanId) != id || got.StartTimeUnixNano != whole.StartTimeUnixNano ||
			got.EndTimeUnixNano < got.StartTimeUnixNano || got.EndTimeUnixNano > whole.EndTimeUnixNano || len(rs.Resource.Attributes) != 6 {
			t.Errorf("standby %d: %v", i, rs)
		}
	}
}

func TestShortSpansHaveNoStandby(t *testing.T) {
	c, delivery := open(t)
	for begun := time.Now(); time.Since(begun) < 100*time.Millisecond; {
		if err := begin(t, c, "call").End(codes.Ok); err != nil {
			t.Fatal(err)
		}
	}
	c.Flush(context.Background())
	delivery.mu.Lock()
	defer delivery.mu.Unlock()
	// A pause of the machine's can make a short span a long one.
	if spans := len(delivery.standbys); spans > 5 {
		t.Errorf("%d standbys", spans)
	}
}

// Where the delivery takes nothing, the caller waits once, and is told.
func TestAFullQueue(t *testing.T) {
	c, delivery := open(t)
	delivery.full = make(chan struct{})
	ended, dropped := 0, 0
	begun := time.Now()
	for range 10_000 {
		switch err := begin(t, c, "call").End(codes.Ok); err {
		case nil:
			ended++
		case ErrFull:
			dropped++
		default:
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); dropped == 0 || took > 5*time.Second {
		t.Errorf("%d dropped, after %v", dropped, took)
	}
	close(delivery.full)
	if !c.Flush(context.Background()) {
		t.Fatal("not flushed")
	}
	if got := len(delivery.spans()); got != ended {
		t.Errorf("%d spans ended, %d came", ended, got)
	}
	if err := begin(t, c, "call").End(codes.Ok); err != nil {
		t.Errorf("there is room again, but %v", err)
	}
}

func TestAnExitWaitsForAHundredthOfTheRun(t *testing.T) {
	for _, test := range []struct{ took, want time.Duration }{
		{0, 300 * time.Millisecond},
		{30 * time.Second, 300 * time.Millisecond},
		{45 * time.Second, 450 * time.Millisecond},
		{3 * time.Minute, 1800 * time.Millisecond},
		{200 * time.Second, 2 * time.Second},
		{72 * time.Hour, 2 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) { // its clock goes on when all sleep
			c, _ := open(t)
			if got := c.DefaultTimeout(); got != 300*time.Millisecond {
				t.Errorf("before any run: %v", got)
			}
			first := begin(t, c, "call")
			time.Sleep(test.took / 2)
			if err := first.End(codes.Ok); err != nil {
				t.Fatal(err)
			}
			begin(t, c, "call")
			time.Sleep(test.took - test.took/2)
			if got := c.DefaultTimeout(); got != test.want {
				t.Errorf("after %v: %v, want %v", test.took, got, test.want)
			}
			c.Close(NoTime())
		})
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
