// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/border"
	"runspan/internal/schema"
)

// The limits of a request with several spans, in bytes and in fields that have a length.
// They are half of the limits of the collector's gate.
const (
	requestBytes  = 512 << 10
	requestFields = 32 << 10
)

// encoder is the client of otlptrace's exporter. It does not send requests: it encodes
// them, and passes them to store. It implements otlptrace.Client.
type encoder struct {
	schema   *schema.Schema
	store    func(request []byte, spans []*tracepb.Span) error
	resource atomic.Pointer[resourcepb.Resource]
}

// setResource fixes the resource of all requests.
func (e *encoder) setResource(attributes []attribute.KeyValue) {
	resource := &resourcepb.Resource{}
	for _, a := range attributes {
		resource.Attributes = append(resource.Attributes, &commonpb.KeyValue{Key: string(a.Key), Value: resourceValue(a.Value)})
	}
	e.resource.Store(resource)
}

func resourceValue(v attribute.Value) *commonpb.AnyValue {
	switch v.Type() {
	case attribute.BOOL:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v.AsBool()}}
	case attribute.INT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v.AsInt64()}}
	case attribute.FLOAT64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v.AsFloat64()}}
	default:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v.AsString()}}
	}
}

var errDefect = errors.New("a defect in runspan: spans are lost")

// UploadTraces implements otlptrace.Client. It replaces the SDK's resource, which comes
// from OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME, by the client's.
func (e *encoder) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) (err error) {
	// A panic on this goroutine would end the host.
	defer func() {
		if recover() != nil {
			err = errDefect
		}
	}()
	for _, s := range spans {
		for _, scope := range s.ScopeSpans { // one: that of the client's tracer
			err = errors.Join(err, e.send(scope.Scope, scope.Spans))
		}
	}
	return err
}

// send stores the spans as one request, or as several if one would be too large.
func (e *encoder) send(scope *commonpb.InstrumentationScope, spans []*tracepb.Span) error {
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   e.resource.Load(),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: scope, Spans: spans}},
	}}})
	if err != nil {
		return err
	}
	if half := len(spans) / 2; half > 0 && (len(request) > requestBytes || fields(spans) > requestFields) {
		return errors.Join(e.send(scope, spans[:half]), e.send(scope, spans[half:]))
	}
	if err := border.Check(e.schema, request); err != nil {
		return errors.Join(errDefect, err) // the calls that set it have checked it before
	}
	return e.store(request, spans)
}

// fields returns an upper bound for the number of fields with a length in the encoded
// spans.
func fields(spans []*tracepb.Span) (n int) {
	attributes := func(list []*commonpb.KeyValue) {
		for _, a := range list {
			n += 4 + 2*len(a.Value.GetArrayValue().GetValues())
		}
	}
	for _, s := range spans {
		n += 6 // the span, its three ids, name and status
		attributes(s.Attributes)
		for _, e := range s.Events {
			n += 2
			attributes(e.Attributes)
		}
	}
	return n
}

// Start implements otlptrace.Client.
func (*encoder) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (*encoder) Stop(context.Context) error { return nil }
