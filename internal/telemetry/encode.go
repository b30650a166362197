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

// What a request has at most, unless it is of one span: half of what the
// collector's gate takes, in bytes and in fields that have a length.
const (
	requestBytes  = 512 << 10
	requestFields = 32 << 10
)

// outbox stands where otlptrace's exporter expects the network, and encodes
// requests instead. It implements otlptrace.Client.
type outbox struct {
	schema   *schema.Schema
	take     func(request []byte, spans []*tracepb.Span) error
	resource atomic.Pointer[resourcepb.Resource]
}

// setResource fixes the resource of all requests.
func (o *outbox) setResource(attributes []attribute.KeyValue) {
	resource := &resourcepb.Resource{}
	for _, a := range attributes {
		resource.Attributes = append(resource.Attributes, &commonpb.KeyValue{Key: string(a.Key), Value: resourceValue(a.Value)})
	}
	o.resource.Store(resource)
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

var errDefect = errors.New("a defect of runspan: spans are lost")

// UploadTraces implements otlptrace.Client. The SDK's resource holds what
// OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say, and nothing else: the
// client's own takes its place.
func (o *outbox) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) (err error) {
	// This is a goroutine of ours: a panic on it would end the host.
	defer func() {
		if recover() != nil {
			err = errDefect
		}
	}()
	for _, s := range spans {
		for _, scope := range s.ScopeSpans { // there is one: the client's tracer's
			err = errors.Join(err, o.send(scope.Scope, scope.Spans))
		}
	}
	return err
}

// send has the spans taken in one request, or in several where it is too large.
func (o *outbox) send(scope *commonpb.InstrumentationScope, spans []*tracepb.Span) error {
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   o.resource.Load(),
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: scope, Spans: spans}},
	}}})
	if err != nil {
		return err
	}
	if half := len(spans) / 2; half > 0 && (len(request) > requestBytes || fields(spans) > requestFields) {
		return errors.Join(o.send(scope, spans[:half]), o.send(scope, spans[half:]))
	}
	if err := border.Check(o.schema, request); err != nil {
		return errors.Join(errDefect, err) // it was checked where it was set
	}
	return o.take(request, spans)
}

// fields returns how many fields that have a length the spans are encoded with,
// at most.
func fields(spans []*tracepb.Span) (n int) {
	attributes := func(list []*commonpb.KeyValue) {
		for _, a := range list {
			n += 4 + 2*len(a.Value.GetArrayValue().GetValues())
		}
	}
	for _, s := range spans {
		n += 6 // the span, its ids, name and status
		attributes(s.Attributes)
		for _, e := range s.Events {
			n += 2
			attributes(e.Attributes)
		}
	}
	return n
}

// Start implements otlptrace.Client.
func (*outbox) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (*outbox) Stop(context.Context) error { return nil }
