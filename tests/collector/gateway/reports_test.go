// SPDX-License-Identifier: MIT

package gateway_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func text(v string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
}

func attribute(key string, v *commonpb.AnyValue) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: v}
}

// report is what a run of stripepy call sends, with so many spans of new ids.
func report(spans int) *coltracepb.ExportTraceServiceRequest {
	number := func(v int64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}
	}
	double := func(v float64) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	}
	boolean := func(v bool) *commonpb.AnyValue {
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	}
	var list []*tracepb.Span
	end := time.Now()
	for range spans {
		ids := make([]byte, 24)
		_, _ = rand.Read(ids) // it never fails
		list = append(list, &tracepb.Span{
			TraceId: ids[:16], SpanId: ids[16:], Flags: 0x101, Name: "call",
			Kind:              tracepb.Span_SPAN_KIND_INTERNAL,
			StartTimeUnixNano: uint64(end.Add(-time.Minute).UnixNano()),
			EndTimeUnixNano:   uint64(end.UnixNano()),
			Attributes: []*commonpb.KeyValue{
				attribute("params.contact_map_format", text("mcool")),
				attribute("params.contact_map_resolution", number(1000000)),
				attribute("params.contact_map_raw_interactions", boolean(false)),
				attribute("params.genomic_belt", number(50000000)),
				attribute("params.max_width", number(5000000)),
				attribute("params.constrain_heights", boolean(false)),
				attribute("params.k", number(3)),
				attribute("params.glob_pers_min", double(0.04)),
				attribute("params.loc_pers_min", double(0.33)),
				attribute("params.loc_trend_min", double(0.25)),
				attribute("params.nproc", number(1)),
				attribute("params.low_memory", boolean(false)),
			},
			Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK},
		})
	}
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			attribute("service.name", text("stripepy")),
			attribute("service.version", text("1.3.0")),
			attribute("os.type", text("linux")),
			attribute("os.version", text("6.18.44")),
			attribute("host.arch", text("x86_64")),
			attribute("process.runtime.name", text("CPython")),
			attribute("process.runtime.version", text("3.11.7")),
			attribute("process.runtime.description", text("GCC 12.2.0")),
			attribute("dependency.h5py.version", text("3.16.0")),
			attribute("dependency.numpy.version", text("2.4.6")),
			attribute("dependency.scipy.version", text("1.17.1")),
			attribute("telemetry.sdk.name", text("opentelemetry")),
			attribute("telemetry.sdk.language", text("go")),
			attribute("telemetry.sdk.version", text("1.47.0")),
		}},
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: "stripepy"}, Spans: list}},
	}}}
}

func encode(t testing.TB, r *coltracepb.ExportTraceServiceRequest) *bytes.Reader {
	t.Helper()
	encoded, err := proto.Marshal(r)
	must(t, err)
	return bytes.NewReader(encoded)
}

func spansOf(r *coltracepb.ExportTraceServiceRequest) []*tracepb.Span {
	return r.ResourceSpans[0].ScopeSpans[0].Spans
}
