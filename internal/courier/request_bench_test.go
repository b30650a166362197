// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// decoded is the plain way that undecoded spares: both are tried in BenchmarkUpload.
func decoded(request []byte) ([]*tracepb.ResourceSpans, error) {
	var r coltracepb.ExportTraceServiceRequest
	err := proto.Unmarshal(request, &r)
	return r.GetResourceSpans(), err
}

// requestOf returns a request of so many spans with 24 attributes each.
func requestOf(b *testing.B, spans int) []byte {
	b.Helper()
	scope := &tracepb.ScopeSpans{}
	for i := range spans {
		span := &tracepb.Span{TraceId: make([]byte, 16), SpanId: make([]byte, 8), Name: "call", StartTimeUnixNano: uint64(i)}
		for j := range 24 {
			text := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: fmt.Sprint("a value ", i*j)}}
			span.Attributes = append(span.Attributes, &commonpb.KeyValue{Key: fmt.Sprint("params.key_", j), Value: text})
		}
		scope.Spans = append(scope.Spans, span)
	}
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{scope}}}})
	if err != nil {
		b.Fatal(err)
	}
	return request
}

// BenchmarkUpload measures the time and memory of a whole delivery in this process, over
// loopback, where nothing else takes time.
func BenchmarkUpload(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	client := NewOTLPClient(server.URL, "", http.DefaultClient, otlptracehttp.GzipCompression, otlptracehttp.EncodingProtobuf)
	for _, spans := range []int{1, 64, 512} {
		request := requestOf(b, spans)
		for _, way := range []struct {
			name    string
			request func([]byte) ([]*tracepb.ResourceSpans, error)
		}{{"rawSpans", rawSpans}, {"decoded", decoded}} {
			b.Run(fmt.Sprintf("spans=%d/%s", spans, way.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					all, err := way.request(request)
					if err == nil {
						err = client.UploadTraces(context.Background(), all)
					}
					if err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
