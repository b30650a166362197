// SPDX-License-Identifier: MIT

package receiver_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

func TestOTLPJSONValues(t *testing.T) {
	tests := []struct {
		name  string
		value *commonpb.AnyValue
		want  string
	}{
		{"string", text("a<b\n"), `{"stringValue":"a<b\n"}`},
		{"empty string", text(""), `{"stringValue":""}`},
		{"a string like an id", text("AQID"), `{"stringValue":"AQID"}`},
		{"true", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}, `{"boolValue":true}`},
		{"false", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{}}, `{"boolValue":false}`},
		{"int", integer(-5), `{"intValue":"-5"}`},
		{"int 0", integer(0), `{"intValue":"0"}`},
		{"largest int", integer(math.MaxInt64), `{"intValue":"9223372036854775807"}`},
		{"smallest int", integer(math.MinInt64), `{"intValue":"-9223372036854775808"}`},
		{"double", double(0.1), `{"doubleValue":0.1}`},
		{"large double", double(1.5e300), `{"doubleValue":1.5e+300}`},
		{"NaN", double(math.NaN()), `{"doubleValue":"NaN"}`},
		{"infinity", double(math.Inf(1)), `{"doubleValue":"Infinity"}`},
		{"negative infinity", double(math.Inf(-1)), `{"doubleValue":"-Infinity"}`},
		{"no value", &commonpb.AnyValue{}, `{}`},
		{"bytes stay base64", &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{1, 2, 255}}}, `{"bytesValue":"AQL/"}`},
		{"array", array(text("a"), integer(1), &commonpb.AnyValue{}, array()),
			`{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"},{},{"arrayValue":{}}]}}`},
		{"list with the name of an id", keyValues(&commonpb.KeyValue{Key: "traceId", Value: text("AQID")}),
			`{"kvlistValue":{"values":[{"key":"traceId","value":{"stringValue":"AQID"}}]}}`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			req := traces("x")
			span := req.ResourceSpans[0].ScopeSpans[0].Spans[0]
			span.Attributes = []*commonpb.KeyValue{{Key: "k", Value: tc.value}}
			var got struct {
				ResourceSpans []struct {
					ScopeSpans []struct {
						Spans []struct {
							Attributes []struct {
								Key   string
								Value json.RawMessage
							}
						}
					}
				}
			}
			must(t, json.Unmarshal([]byte(otlpJSON(t, req)), &got))
			attribute := got.ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes[0]
			equal(t, "key", attribute.Key, "k")
			equal(t, "value", compact(t, attribute.Value), compact(t, []byte(tc.want)))
		})
	}
}

func TestOTLPJSONSpan(t *testing.T) {
	id := []byte{0xfb, 0xff, 3, 4, 5, 6, 7, 8}
	trace := slices.Concat(id, []byte{9, 10, 11, 12, 13, 14, 15, 0xab})
	span := &tracepb.Span{
		TraceId: trace, SpanId: id, ParentSpanId: []byte{1, 2, 3, 4, 5, 6, 7, 8},
		Name: "run", Kind: tracepb.Span_SPAN_KIND_CLIENT, Flags: 257,
		StartTimeUnixNano: 1700000000123456789, EndTimeUnixNano: math.MaxUint64,
		DroppedAttributesCount: 3,
		Events: []*tracepb.Span_Event{{
			TimeUnixNano: 1700000000123456790, Name: "exception",
			Attributes: []*commonpb.KeyValue{{Key: "exception.type", Value: text("E")}},
		}},
		Links:  []*tracepb.Span_Link{{TraceId: trace, SpanId: id}},
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "failed"},
	}
	req := traces("replaced")
	req.ResourceSpans[0].ScopeSpans[0].Spans[0] = span
	want := `{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tool"}}]},
		"scopeSpans":[{
			"scope":{"name":"scope","version":"1"},
			"spans":[{
				"traceId":"fbff030405060708090a0b0c0d0e0fab","spanId":"fbff030405060708","parentSpanId":"0102030405060708",
				"name":"run","kind":3,"flags":257,
				"startTimeUnixNano":"1700000000123456789","endTimeUnixNano":"18446744073709551615",
				"droppedAttributesCount":3,
				"events":[{"timeUnixNano":"1700000000123456790","name":"exception",
					"attributes":[{"key":"exception.type","value":{"stringValue":"E"}}]}],
				"links":[{"traceId":"fbff030405060708090a0b0c0d0e0fab","spanId":"fbff030405060708"}],
				"status":{"code":2,"message":"failed"}}]}],
		"schemaUrl":"https://example.com/schema"}]}`
	equal(t, "JSON", otlpJSON(t, req), compact(t, []byte(want)))
}

// Helpers.
