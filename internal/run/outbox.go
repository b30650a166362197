// SPDX-License-Identifier: MIT

package run

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

// outbox stands where otlptrace's exporter expects the network, and encodes
// requests instead. It implements otlptrace.Client.
type outbox struct {
	schema   *schema.Schema
	take     func(request []byte, spans []*tracepb.Span) error
	done     func(spans int) // whatever became of them; may be nil
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
	// This is a goroutine of the SDK's: a panic on it would end the host.
	defer func() {
		if recover() != nil {
			err = errDefect
		}
	}()
	var all []*tracepb.Span
	for _, s := range spans {
		s.Resource = o.resource.Load()
		s.SchemaUrl = ""
		for _, scope := range s.ScopeSpans {
			all = append(all, scope.Spans...)
		}
	}
	if o.done != nil {
		defer o.done(len(all))
	}
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: spans})
	if err != nil {
		return err
	}
	if err := border.Check(o.schema, request); err != nil {
		return errors.Join(errDefect, err) // it was checked where it was set
	}
	return o.take(request, all)
}

// Start implements otlptrace.Client.
func (*outbox) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (*outbox) Stop(context.Context) error { return nil }
