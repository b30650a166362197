// SPDX-License-Identifier: MIT

// Package show renders OTLP requests for people: the fields of a span, under the
// names that an analytics store has for them, and OTLP/JSON.
package show

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/courier"
)

// Row is a field of a span.
type Row struct{ Field, Value string }

var kinds = [...]string{"unspecified", "internal", "server", "client", "producer", "consumer"}

// Spans returns the fields of each span of an encoded request, sorted by name: those of
// its schema, and the derived fields.
func Spans(request []byte) ([][]Row, error) {
	var r coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &r); err != nil {
		return nil, err
	}
	var spans [][]Row
	for _, all := range r.GetResourceSpans() {
		for _, scoped := range all.GetScopeSpans() {
			for _, s := range scoped.GetSpans() {
				spans = append(spans, rows(all.GetResource(), scoped.GetScope(), s))
			}
		}
	}
	return spans, nil
}

func rows(resource *resourcepb.Resource, scope *commonpb.InstrumentationScope, s *tracepb.Span) []Row {
	rows := derived(scope, s)
	attributes := slices.Concat(resource.GetAttributes(), s.GetAttributes())
	for _, e := range s.GetEvents() {
		attributes = append(attributes, e.GetAttributes()...)
	}
	for _, a := range attributes {
		rows = append(rows, Row{a.GetKey(), Text(a.GetValue())})
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Field), strings.ToLower(b.Field)), strings.Compare(a.Field, b.Field))
	})
	return rows
}

// derived returns the fields that follow from the span itself: those of
// schemas/derived.json.
func derived(scope *commonpb.InstrumentationScope, s *tracepb.Span) []Row {
	kind := kinds[0]
	if k := int(s.GetKind()); k > 0 && k < len(kinds) {
		kind = kinds[k]
	}
	begin, end, duration := s.GetStartTimeUnixNano(), s.GetEndTimeUnixNano(), ""
	if end >= begin { // the clock may have been set back
		duration = strconv.FormatFloat(float64(end-begin)/1e6, 'f', -1, 64)
	}
	return []Row{
		{"duration_ms", duration},
		{"library.name", scope.GetName()},
		{"meta.signal_type", "trace"}, // the request is one for traces
		{"name", s.GetName()},
		{"Sample Rate", fmt.Sprint(s.GetFlags() & 1)}, // W3C Trace Context: has a sampler taken the span?
		{"span.kind", kind},
		{"span.num_events", fmt.Sprint(len(s.GetEvents()))},
		{"span.num_links", fmt.Sprint(len(s.GetLinks()))},
		{"status_code", fmt.Sprint(int(s.GetStatus().GetCode()))},
		{"timestamp", time.Unix(0, int64(begin)).UTC().Format("2006-01-02T15:04:05.000000Z07:00")},
		{"trace.span_id", hex.EncodeToString(s.GetSpanId())},
		{"trace.trace_id", hex.EncodeToString(s.GetTraceId())},
		{"type", kind},
	}
}

// DerivedFields returns the names of the derived fields.
func DerivedFields() (names []string) {
	for _, row := range derived(nil, nil) {
		names = append(names, row.Field)
	}
	return names
}

// Text returns the value as text. It is empty for no value.
func Text(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_BoolValue:
		return strconv.FormatBool(v.BoolValue)
	case *commonpb.AnyValue_IntValue:
		return strconv.FormatInt(v.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		return strconv.FormatFloat(v.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_ArrayValue:
		var texts []string
		for _, item := range v.ArrayValue.GetValues() {
			texts = append(texts, Text(item))
		}
		return strings.Join(texts, ", ")
	}
	return ""
}

// Table writes rows in two columns, as printable text.
func Table(out io.Writer, rows []Row) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Field))
	}
	for _, r := range rows {
		fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, Printable(r.Field), Printable(r.Value)), " "))
	}
}

// Printable returns the text with a replacement for each character that a terminal could
// take for a command.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// JSON returns an encoded request as OTLP/JSON, in one line. It has otlptracehttp post
// the request to a transport that keeps the body, because otlptracehttp's encoder is
// internal. protojson would add 57 kB to the library, and writes ids in base64.
func JSON(request []byte) (string, error) {
	var r coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(request, &r); err != nil {
		return "", err
	}
	var posted catcher
	client := courier.NewOTLPClient("http://localhost/", "", &http.Client{Transport: &posted}, otlptracehttp.NoCompression, otlptracehttp.EncodingJSON)
	err := client.UploadTraces(context.Background(), r.GetResourceSpans())
	return string(posted.body), err
}

// catcher is an http.RoundTripper that keeps the body and uses no network.
type catcher struct{ body []byte }

func (c *catcher) RoundTrip(r *http.Request) (*http.Response, error) {
	var err error
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil))}, nil
}
