// SPDX-License-Identifier: MIT

package courier

import (
	"testing"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Requests that go together are as one of them would be: a resource once, with all
// its spans.
func TestMerged(t *testing.T) {
	of := func(resource, scope string, spans ...string) *tracepb.ResourceSpans {
		s := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: scope}}
		for _, name := range spans {
			s.Spans = append(s.Spans, &tracepb.Span{Name: name})
		}
		return &tracepb.ResourceSpans{
			Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: resource}}},
			ScopeSpans: []*tracepb.ScopeSpans{s},
		}
	}
	two := of("r", "s", "x")
	two.ScopeSpans = append(two.ScopeSpans, of("r", "t", "y").ScopeSpans...)
	encode := func(all ...*tracepb.ResourceSpans) []byte {
		encoded, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: all})
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	var all []*tracepb.ResourceSpans
	for _, one := range []*tracepb.ResourceSpans{of("r", "s", "a"), of("q", "s", "b"), of("r", "s", "c", "d"), two, of("r", "t", "e")} {
		spans, err := rawSpans(encode(one))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, spans...)
	}
	var got coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(encode(merged(all)...), &got); err != nil {
		t.Fatal(err)
	}
	want := &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{two, of("r", "s", "a", "c", "d"), of("q", "s", "b"), of("r", "t", "e")}}
	if !proto.Equal(&got, want) {
		t.Errorf("got %v", &got)
	}
}
