// SPDX-License-Identifier: MIT

package command

import (
	"crypto/rand"
	"fmt"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/border"
	"runspan/internal/schema"
)

// example returns the request for a span of that name, with the schema's examples for
// values. The border checks it as it checks a real request.
func example(s *schema.Schema, span string) ([]byte, error) {
	resource, attributes := s.Examples(span)
	now := uint64(time.Now().UnixNano())
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: keyValues(resource)},
		ScopeSpans: []*tracepb.ScopeSpans{{
			Scope: &commonpb.InstrumentationScope{Name: s.Scope},
			Spans: []*tracepb.Span{{
				TraceId:           random(16),
				SpanId:            random(8),
				Flags:             1,
				Name:              span,
				Kind:              tracepb.Span_SPAN_KIND_INTERNAL,
				StartTimeUnixNano: now - uint64(time.Minute),
				EndTimeUnixNano:   now,
				Attributes:        keyValues(attributes),
				Status:            &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK},
			}},
		}},
	}}})
	if err != nil {
		return nil, err
	}
	if err := border.Check(s, request); err != nil {
		return nil, fmt.Errorf("the schema's examples: %w", err)
	}
	return request, nil
}

func random(bytes int) []byte {
	id := make([]byte, bytes)
	_, _ = rand.Read(id) // never fails
	return id
}

func keyValues(examples []schema.Example) (all []*commonpb.KeyValue) {
	for _, e := range examples {
		all = append(all, &commonpb.KeyValue{Key: e.Key, Value: anyValue(e.Value)})
	}
	return all
}

func anyValue(v any) *commonpb.AnyValue {
	switch v := v.(type) {
	case string:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
	case int64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}
	case float64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	case bool:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	case []string:
		list := &commonpb.ArrayValue{}
		for _, text := range v {
			list.Values = append(list.Values, anyValue(text))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	}
	return nil
}
