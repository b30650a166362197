// SPDX-License-Identifier: MIT

package border_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"runspan/internal/border"
	"runspan/internal/schema"
)

func parse(t testing.TB) *schema.Schema {
	t.Helper()
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

func number(v int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}
}

func double(v float64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
}

func boolean(v bool) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
}

func list(values ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: values}}}
}

func attribute(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// request is one that the schema names, with all that a span may have.
func request() *coltracepb.ExportTraceServiceRequest {
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			attribute("service.name", text("stripepy")),
			attribute("os.type", text("other")),
			attribute("service.version", text("1.3.0")),
		}},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: "stripepy"},
			Spans: []*tracepb.Span{{
				TraceId:           []byte("0123456789abcdef"),
				SpanId:            []byte("01234567"),
				Flags:             0x101,
				Name:              "call",
				Kind:              tracepb.Span_SPAN_KIND_INTERNAL,
				StartTimeUnixNano: 1,
				EndTimeUnixNano:   2,
				Attributes: []*commonpb.KeyValue{
					attribute("params.nproc", number(4)),
					attribute("params.loc_pers_min", double(0.33)),
					attribute("params.low_memory", boolean(false)),
					attribute("params.contact_map_format", text("mcool")),
					attribute("params.k", nil),
					attribute("aborted", boolean(true)),
				},
				Events: []*tracepb.Span_Event{{TimeUnixNano: 2, Name: "exception", Attributes: []*commonpb.KeyValue{
					attribute("exception.type", text("other")),
					attribute("exception.message", text("")),
				}}},
				Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR},
			}, {
				TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234568"), Name: "view",
				Kind: tracepb.Span_SPAN_KIND_INTERNAL, StartTimeUnixNano: 1, EndTimeUnixNano: 2,
				Attributes: []*commonpb.KeyValue{attribute("params.columns", list(text("chrom1"), text("other")))},
			}},
		}},
	}}}
}

func encode(t testing.TB, r *coltracepb.ExportTraceServiceRequest) []byte {
	t.Helper()
	encoded, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestAllowedRequest(t *testing.T) {
	if err := border.Check(parse(t), encode(t, request())); err != nil {
		t.Fatal(err)
	}
	if err := border.Check(parse(t), nil); err != nil {
		t.Error(err)
	}
}

func TestRefusedRequests(t *testing.T) {
	s := parse(t)
	type parts struct {
		all   *tracepb.ResourceSpans
		scope *tracepb.ScopeSpans
		span  *tracepb.Span
	}
	add := func(p parts, key string, v *commonpb.AnyValue) {
		p.span.Attributes = append(p.span.Attributes, attribute(key, v))
	}
	foreign := protowire.AppendString(protowire.AppendTag(nil, 15, protowire.BytesType), "alice")
	for name, change := range map[string]func(parts){
		"a resource attribute":      func(p parts) { p.all.Resource.Attributes[0].Key = "host.name" },
		"its value":                 func(p parts) { p.all.Resource.Attributes[0].Value = text("else") },
		"its type":                  func(p parts) { p.all.Resource.Attributes[2].Value = number(1) },
		"a second of a key":         func(p parts) { p.all.Resource.Attributes[1].Key = "service.name" },
		"an attribute of a span's":  func(p parts) { p.all.Resource.Attributes[0].Key = "params.k" },
		"dropped resource":          func(p parts) { p.all.Resource.DroppedAttributesCount = 1 },
		"schema URL":                func(p parts) { p.all.SchemaUrl = "https://a.example" },
		"the scope's schema URL":    func(p parts) { p.scope.SchemaUrl = "https://a.example" },
		"the scope's name":          func(p parts) { p.scope.Scope.Name = "else" },
		"the scope's version":       func(p parts) { p.scope.Scope.Version = "1" },
		"an attribute of the scope": func(p parts) { p.scope.Scope.Attributes = p.all.Resource.Attributes },
		"the span's name":           func(p parts) { p.span.Name = "else" },
		"no name":                   func(p parts) { p.span.Name = "" },
		"trace state":               func(p parts) { p.span.TraceState = "a=b" },
		"parent":                    func(p parts) { p.span.ParentSpanId = []byte("01234567") },
		"flags":                     func(p parts) { p.span.Flags = 1 << 10 },
		"kind":                      func(p parts) { p.span.Kind = tracepb.Span_SPAN_KIND_CLIENT },
		"a short id":                func(p parts) { p.span.SpanId = p.span.SpanId[:7] },
		"an id of zeros":            func(p parts) { p.span.TraceId = make([]byte, 16) },
		"a link":                    func(p parts) { p.span.Links = []*tracepb.Span_Link{{}} },
		"dropped attributes":        func(p parts) { p.span.DroppedAttributesCount = 7 },
		"status message":            func(p parts) { p.span.Status.Message = "/home/alice" },
		"status code":               func(p parts) { p.span.Status.Code = 3 },
		"another event":             func(p parts) { p.span.Events[0].Name = "log" },
		"an exception's message":    func(p parts) { p.span.Events[0].Attributes[1].Value = text("/home/alice") },
		"an exception's type":       func(p parts) { p.span.Events[0].Attributes[0].Value = text("alice.Error") },
		"an attribute of an event":  func(p parts) { p.span.Events[0].Attributes[0].Key = "params.k" },
		"many events":               func(p parts) { p.span.Events = make([]*tracepb.Span_Event, 17) },
		"an attribute":              func(p parts) { add(p, "user", text("alice")) },
		"one of another span":       func(p parts) { add(p, "params.columns", list(text("chrom1"))) },
		"a key twice":               func(p parts) { add(p, "params.k", number(3)) },
		"out of range":              func(p parts) { p.span.Attributes[0].Value = number(-1) },
		"text for a number":         func(p parts) { p.span.Attributes[0].Value = text("alice") },
		"another value":             func(p parts) { p.span.Attributes[3].Value = text("alice") },
		"bytes":                     func(p parts) { p.span.Attributes[0].Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{}} },
		"a map": func(p parts) {
			p.span.Attributes[0].Value = &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{}}
		},
		"a list of numbers":          func(p parts) { p.span.Attributes[0].Value = list(number(1)) },
		"a list of nothing":          func(p parts) { p.span.Attributes[0].Value = list(&commonpb.AnyValue{}) },
		"unknown to OTLP, in a span": func(p parts) { p.span.ProtoReflect().SetUnknown(foreign) },
		"unknown, in a value":        func(p parts) { p.span.Attributes[0].Value.ProtoReflect().SetUnknown(foreign) },
		"unknown, in the request":    func(p parts) { p.all.ProtoReflect().SetUnknown(foreign) },
	} {
		r := request()
		all := r.ResourceSpans[0]
		change(parts{all, all.ScopeSpans[0], all.ScopeSpans[0].Spans[0]})
		if err := border.Check(s, encode(t, r)); !errors.Is(err, border.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Programs differ in how they read a field that is there twice, or a oneof with two values. Both are refused.
func TestDuplicateFields(t *testing.T) {
	s := parse(t)
	field := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	join := func(parts ...[]byte) []byte { return []byte(strings.Join(toStrings(parts), "")) }
	resource := func(value []byte) []byte {
		return field(1, field(1, field(1, join(field(1, []byte("os.type")), value))))
	}
	linux := field(1, []byte("linux"))
	if err := border.Check(s, resource(field(2, linux))); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{
		"two values":   join(field(2, linux), field(2, linux)),
		"two of oneof": field(2, join(field(1, []byte("linux")), protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 1))),
		"two keys":     join(field(1, []byte("os.type")), field(2, linux)),
	} {
		if err := border.Check(s, resource(value)); !errors.Is(err, border.ErrNotAllowed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func toStrings(parts [][]byte) (texts []string) {
	for _, p := range parts {
		texts = append(texts, string(p))
	}
	return texts
}

func TestInvalidMessages(t *testing.T) {
	s, whole := parse(t), encode(t, request())
	for n := 1; n < len(whole); n++ {
		if err := border.Check(s, whole[:n]); err == nil {
			t.Errorf("the first %d bytes pass", n)
		}
	}
	for _, bad := range []string{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0a\xff\xff\xff\xff\x0f", "\x0b", "\x00"} {
		if err := border.Check(s, []byte(bad)); err == nil {
			t.Errorf("%q passes", bad)
		}
	}
}

// FuzzCheck shows that what passes is OTLP, and is still all of it when it has
// been decoded: nothing hides in what a decoder drops.
func FuzzCheck(f *testing.F) {
	s := parse(f)
	f.Add(encode(f, request()))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, encoded []byte) {
		if border.Check(s, encoded) != nil {
			return
		}
		var r coltracepb.ExportTraceServiceRequest
		if err := proto.Unmarshal(encoded, &r); err != nil {
			t.Fatalf("%x passes: %v", encoded, err)
		}
		again := encode(t, &r)
		if err := border.Check(s, again); err != nil {
			t.Errorf("%x passes, and decoded and encoded it is refused: %v", encoded, err)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s, encoded := parse(b), encode(b, request())
	b.ReportAllocs()
	for b.Loop() {
		if err := border.Check(s, encoded); err != nil {
			b.Fatal(err)
		}
	}
}
