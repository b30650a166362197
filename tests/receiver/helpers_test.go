// SPDX-License-Identifier: MIT

package receiver_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/tests/receiver"
)

func start(t *testing.T, opt receiver.Options) *receiver.Receiver {
	t.Helper()
	r, err := receiver.Start(opt)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

func client(t *testing.T, r *receiver.Receiver) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(t, r.CAPEM())}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func proxied(t *testing.T, r *receiver.Receiver) *http.Client {
	t.Helper()
	proxy, err := url.Parse(r.ProxyURL())
	must(t, err)
	c := client(t, r)
	c.Transport.(*http.Transport).Proxy = http.ProxyURL(proxy)
	return c
}

func pool(t *testing.T, ca []byte) *x509.CertPool {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		t.Fatal("no certificate in the PEM of the CA")
	}
	return roots
}

func newRequest(t *testing.T, to string, body []byte) *http.Request {
	t.Helper()
	hr, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	must(t, err)
	hr.Header.Set("Content-Type", "application/x-protobuf")
	return hr
}

// do may run outside the test's goroutine, where Fatal is not allowed.
func do(t *testing.T, c *http.Client, hr *http.Request) (int, http.Header, []byte) {
	t.Helper()
	resp, err := c.Do(hr)
	if err != nil {
		t.Error(err)
		return 0, nil, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, resp.Header, body
}

func traces(names ...string) *coltracepb.ExportTraceServiceRequest {
	scope := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "scope", Version: "1"}}
	for _, name := range names {
		scope.Spans = append(scope.Spans, &tracepb.Span{Name: name})
	}
	service := &commonpb.KeyValue{Key: "service.name", Value: text("tool")}
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{service}},
		ScopeSpans: []*tracepb.ScopeSpans{scope},
		SchemaUrl:  "https://example.com/schema",
	}}}
}

func text(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

func integer(i int64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: i}}
}

func double(f float64) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: f}}
}

func array(values ...*commonpb.AnyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: values}}}
}

func keyValues(values ...*commonpb.KeyValue) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: values}}}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	must(t, err)
	return b
}

func compress(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, err := zw.Write(b)
	must(t, err)
	must(t, zw.Close())
	return buf.Bytes()
}

func lines(t *testing.T, path string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	var out []map[string]any
	for line := range bytes.Lines(b) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		var v map[string]any
		if err := decoder.Decode(&v); err != nil {
			t.Errorf("line %q: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

func otlpJSON(t *testing.T, req *coltracepb.ExportTraceServiceRequest) string {
	t.Helper()
	b, err := receiver.OTLPJSON(req)
	must(t, err)
	return compact(t, b)
}

// compact gives JSON texts that mean the same the same spelling, without
// rounding their numbers.
func compact(t *testing.T, b []byte) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	var v any
	must(t, decoder.Decode(&v))
	return canonical(t, v)
}

func canonical(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func only[T any](t *testing.T, all []T) T {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d of them, want one", len(all))
	}
	return all[0]
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
