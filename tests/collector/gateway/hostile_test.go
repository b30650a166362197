// SPDX-License-Identifier: MIT

package gateway_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

// The collector may have this much of the machine's memory, whatever comes in.
const memoryMB = 512

func zipped(t testing.TB, content io.Reader) *bytes.Buffer {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.Copy(w, content)
	must(t, err)
	must(t, w.Close())
	return &out
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// nested is a value in lists or maps, one in the other.
func nested(depth int, list protowire.Number) []byte {
	var value []byte
	field := func(number protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
	}
	for range depth {
		value = field(list, field(1, value))
	}
	for _, number := range []protowire.Number{2, 9, 2, 2, 1} { // of a KeyValue, a span, a scope, a resource, the request
		value = field(number, value)
	}
	return value
}

func TestHostile(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	client := c.client()
	random := func(n int) []byte {
		b := make([]byte, n)
		source := rand.NewChaCha8([32]byte{1})
		_, _ = source.Read(b)
		return b
	}
	forged := func(change func(*coltracepb.ExportTraceServiceRequest)) func() io.Reader {
		return func() io.Reader {
			r := report(1)
			change(r)
			return encode(t, r)
		}
	}
	whole := func(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }
	within := func(content []byte, path ...protowire.Number) []byte {
		for _, number := range slices.Backward(path) {
			content = protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
		}
		return content
	}
	empty := bytes.Repeat([]byte{0x12, 0x00}, 2000) // spans, or values
	emptyMaps := bytes.Repeat(within(bytes.Repeat([]byte{0x0a, 0x00}, 2000), 1, 6), 250)
	bomb := zipped(t, io.LimitReader(zeros{}, 8<<20)).Bytes()
	kept := 0
	for _, test := range []struct {
		name    string
		body    func() io.Reader
		headers []string
		status  int
		times   int
	}{
		{"a report", func() io.Reader { return encode(t, report(1)) }, nil, 200, 1},
		{"a zipped report", func() io.Reader { return zipped(t, encode(t, report(1))) }, []string{"Content-Encoding", "gzip"}, 200, 1},
		{"random bytes", whole(random(10000)), nil, 400, 20},
		{"random bytes, said to be zipped", whole(random(10000)), []string{"Content-Encoding", "gzip"}, 400, 20},
		{"a report cut short", func() io.Reader { return io.LimitReader(encode(t, report(1)), 300) }, nil, 400, 1},
		{"JSON", whole([]byte(`{"resourceSpans":[]}`)), []string{"Content-Type", "application/json"}, 415, 1},
		{"another type", whole(nil), []string{"Content-Type", "text/plain"}, 415, 1},
		{"another encoding", whole(nil), []string{"Content-Encoding", "br"}, 415, 1},
		{"a huge body", func() io.Reader { return io.LimitReader(zeros{}, 100<<20) }, nil, 413, 20},
		{"a zip bomb", whole(bomb), []string{"Content-Encoding", "gzip"}, 413, 50},
		{"deep lists", whole(nested(5000, 5)), nil, 400, 100},
		{"deep maps", whole(nested(5000, 6)), nil, 400, 100},
		{"lists of empty maps", whole(within(emptyMaps, 1, 1, 1, 2, 5)), nil, 400, 50},
		{"half a million spans of an old protocol", whole(within(bytes.Repeat(within(empty, 1000), 250), 1)), nil, 400, 100},
		{"half a million spans", whole(bytes.Repeat([]byte{0x0a, 0x04, 0x12, 0x02, 0x12, 0x00}, 170000)), nil, 400, 100},
		{"as many as may be", whole(bytes.Repeat([]byte{0x0a, 0x04, 0x12, 0x02, 0x12, 0x00}, 21000)), nil, 400, 50},
		{"a forged service", forged(func(r *coltracepb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].Resource.Attributes[0].Value = text("alice")
		}), nil, 400, 5},
		{"somebody else's span", forged(func(r *coltracepb.ExportTraceServiceRequest) { spansOf(r)[0].Name = "alice" }), nil, 400, 5},
		{"somebody else's scope", forged(func(r *coltracepb.ExportTraceServiceRequest) {
			r.ResourceSpans[0].ScopeSpans[0].Scope.Name = "alice"
		}), nil, 400, 5},
		{"a forged attribute", forged(func(r *coltracepb.ExportTraceServiceRequest) {
			spansOf(r)[0].Attributes = append(spansOf(r)[0].Attributes, attribute("user", text("alice")))
		}), nil, 200, 5},
		{"a forged value", forged(func(r *coltracepb.ExportTraceServiceRequest) { spansOf(r)[0].Attributes[0].Value = text("/home/alice") }), nil, 200, 5},
		{"a host's name", forged(func(r *coltracepb.ExportTraceServiceRequest) {
			all := r.ResourceSpans[0].Resource
			all.Attributes = append(all.Attributes, attribute("host.name", text("alice")))
		}), nil, 200, 5},
		{"an event, a link, a state, a message", forged(func(r *coltracepb.ExportTraceServiceRequest) {
			s := spansOf(r)[0]
			s.Events = []*tracepb.Span_Event{{Name: "alice"}}
			s.Links = []*tracepb.Span_Link{{Attributes: []*commonpb.KeyValue{attribute("a", text("alice"))}}}
			s.TraceState, s.Status.Message = "a=alice", "alice"
		}), nil, 200, 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all sync.WaitGroup
			for range min(test.times, 10) {
				all.Go(func() {
					for range (test.times + 9) / 10 {
						status, err := c.post(client, test.body(), test.headers...)
						if err != nil && test.status == 413 { // it may be refused before it has all been sent
							continue
						}
						if err != nil || status != test.status {
							t.Errorf("status %d, want %d: %v", status, test.status, err)
						}
					}
				})
			}
			all.Wait()
			if test.status == 200 {
				kept += min(test.times, 10) * ((test.times + 9) / 10)
			}
		})
	}
	for _, other := range []struct {
		method, url string
		status      int
	}{
		{http.MethodGet, c.url(), 405},
		{http.MethodPost, "https://" + c.listen + "/", 404},
		{http.MethodPost, "https://" + c.listen + "/v1/metrics", 404},
		{http.MethodGet, "https://" + c.listen + "/../../etc/passwd", 404},
	} {
		request, err := http.NewRequest(other.method, other.url, nil)
		must(t, err)
		response, err := client.Do(request)
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != other.status {
			t.Errorf("%s %s: %d", other.method, other.url, response.StatusCode)
		}
	}
	ids, all := c.files(t)
	if len(ids) != kept || strings.Contains(all, "alice") || strings.Contains(all, "127.0.0.1") {
		t.Errorf("%d spans of %d kept: %.2000s", len(ids), kept, all)
	}
	if used := c.memory(t); used > memoryMB {
		t.Errorf("it used %d MB", used)
	} else {
		t.Logf("it used %d MB at most", used)
	}
	for what, least := range map[string]float64{"service": 5, "span": 5, "scope": 5, "attribute": 15, "event": 5, "link": 5, "other": 10} {
		if n := c.metric(t, "runspan_allowlist_dropped", `kind="`+what+`"`); n < least {
			t.Errorf("it has counted %v times %s", n, what)
		}
	}
	for _, status := range []string{"400", "404", "405", "413", "415"} {
		if c.metric(t, "runspan_gate_refused", `status="`+status+`"`) == 0 {
			t.Errorf("it has counted no %s", status)
		}
	}
}

// One client that sends too much is told so, and the log has nobody's address.
func TestRate(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=20")
	c.start(t)
	client := c.client()
	statuses := make(map[int]int)
	for range 45 { // the minute may end in between, once
		status, err := c.post(client, encode(t, report(1)))
		must(t, err)
		statuses[status]++
	}
	ids, _ := c.files(t)
	if statuses[429] < 5 || statuses[200] != len(ids) || len(ids) < 20 || len(statuses) != 2 {
		t.Errorf("%v, and %d spans kept", statuses, len(ids))
	}
	plain, err := http.Post("http://"+c.listen+"/", "", nil) // no TLS: it has to be logged
	if err == nil {
		must(t, plain.Body.Close())
	}
	for end := time.Now().Add(5 * time.Second); !strings.Contains(c.log.String(), "handshake") && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if log := c.log.String(); !strings.Contains(log, "handshake error from (address)") || strings.Contains(log, "127.0.0.1") {
		t.Errorf("log: %s", log)
	}
}
