// SPDX-License-Identifier: MIT

package gateway_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// The collector may have this much of the machine's memory, whatever comes in.
const memoryMB = 512

// What a real host sends is in the files, all of it and nothing else: as it is at
// a receiver that changes nothing.
func TestHost(t *testing.T) {
	program := host.Compile(t, append([]string{"hosts/report.c"}, host.Link(t)...)...)
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	must(t, err)
	defer r.Close()
	c := newCollector(t)
	c.start(t)
	runHost(t, program, c.url(), c.caFile())
	runHost(t, program, r.Endpoint(), r.CAFile())

	want := make(map[string]int)
	for _, request := range r.Requests() {
		line, err := receiver.OTLPJSON(request.Body)
		must(t, err)
		shapes(t, string(line), want)
	}
	ids, all := c.files(t)
	got := make(map[string]int)
	for line := range strings.Lines(all) {
		shapes(t, line, got)
	}
	if len(ids) != 1000 || len(got) != 2 || !maps.Equal(got, want) {
		t.Errorf("%d spans of 1000\ngot  %.2000s\nwant %.2000s", len(ids), fmt.Sprint(got), fmt.Sprint(want))
	}
}

// ownTime is an event's.
var ownTime = regexp.MustCompile(`"timeUnixNano":"[1-9]\d+"`)

// shapes counts the spans of a request by all that is in them but ids and times.
func shapes(t *testing.T, line string, counts map[string]int) {
	t.Helper()
	var request struct {
		ResourceSpans []struct {
			Resource   any
			ScopeSpans []struct {
				Scope any
				Spans []map[string]any
			}
		}
	}
	must(t, json.Unmarshal([]byte(line), &request))
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				for _, own := range []string{"traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano"} {
					if s[own] == "" || s[own] == nil {
						t.Errorf("a span without %s", own)
					}
					delete(s, own)
				}
				shape, err := json.Marshal([]any{rs.Resource, ss.Scope, s})
				must(t, err)
				counts[ownTime.ReplaceAllString(string(shape), "")]++
			}
		}
	}
}

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
		if n := c.metric(t, "runspan_allowlist_dropped", `what="`+what+`"`); n < least {
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

var slow = flag.Int("slow", 200, "how many slow clients TestSlow has")

// Clients that send a byte now and then hold up nobody, and are cut off.
func TestSlow(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	var connected, cut atomic.Int64
	var all sync.WaitGroup
	for i := range *slow {
		all.Go(func() {
			conn, err := tlsDial(c)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			connected.Add(1)
			start := "POST /v1/traces HTTP/1.1\r\nHost: a\r\n"
			if i%2 == 0 {
				start += "Content-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n"
			}
			if _, err := io.WriteString(conn, start); err != nil {
				t.Error(err)
				return
			}
			for end := time.Now().Add(25 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
				if _, err := io.WriteString(conn, "x"); err != nil {
					cut.Add(1)
					return
				}
			}
		})
	}
	for connected.Load() < int64(*slow) && !t.Failed() {
		time.Sleep(10 * time.Millisecond)
	}
	client, sent := c.client(), 0
	var longest time.Duration
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); sent++ {
		start := time.Now()
		status, err := c.post(client, encode(t, report(1)))
		if err != nil || status != 200 {
			t.Fatalf("meanwhile a report gets %d, %v", status, err)
		}
		longest = max(longest, time.Since(start))
	}
	all.Wait()
	ids, _ := c.files(t)
	if int(cut.Load()) != *slow || len(ids) != sent || sent < 30 {
		t.Errorf("%d of %d were cut off; %d of %d reports kept", cut.Load(), *slow, len(ids), sent)
	}
	if used := c.memory(t); used > memoryMB {
		t.Errorf("it used %d MB", used)
	} else {
		t.Logf("%d slow clients: %d reports in 3 s beside them, the longest took %v; %d MB at most", *slow, sent, longest, used)
	}
}

// Of HTTP/2 a connection carries hundreds of requests, and gzip needs memory for
// each before a byte of it is there: some wait, the others are told to come back.
func TestSlowStreams(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var open, refused atomic.Int64
	var all sync.WaitGroup
	const streams = 4000
	client := c.client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	for range streams {
		all.Go(func() {
			body, never := io.Pipe()
			defer never.Close()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(), body)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/x-protobuf")
			request.Header.Set("Content-Encoding", "gzip")
			open.Add(1)
			response, err := client.Do(request)
			if err != nil {
				return
			}
			if response.ProtoMajor == 2 && response.StatusCode == http.StatusServiceUnavailable {
				refused.Add(1)
			}
			_ = response.Body.Close()
		})
	}
	for end := time.Now().Add(30 * time.Second); open.Load() < streams || refused.Load() < streams/8; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d streams, %d refused", open.Load(), streams, refused.Load())
		}
	}
	cancel() // those that were let in would have 10 s
	all.Wait()
	if status, err := c.post(c.client(), encode(t, report(1))); err != nil || status != 200 {
		t.Errorf("then a report gets %d, %v", status, err)
	}
	if used := c.memory(t); used > memoryMB {
		t.Errorf("it used %d MB", used)
	} else {
		t.Logf("%d streams, %d of them refused; %d MB at most", streams, refused.Load(), used)
	}
}

// Who closes its side when it has sent all waits for the answer all the same.
// 200 is an acknowledgement.
func TestHalfClosed(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	acknowledged, later := make(map[string]bool), 0
	for range 32 {
		all.Go(func() {
			for range 20 {
				sent := report(1)
				conn, err := tlsDial(c)
				if err != nil {
					t.Error(err)
					return
				}
				request, err := http.NewRequest(http.MethodPost, c.url(), encode(t, sent))
				must(t, err)
				request.Header.Set("Content-Type", "application/x-protobuf")
				response, err := halfClosed(conn, request)
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case response.StatusCode == http.StatusOK:
					acknowledged[id(spansOf(sent)[0].SpanId)] = true
				case response.StatusCode == http.StatusServiceUnavailable:
					later++
				default:
					t.Error("status", response.StatusCode)
				}
				mu.Unlock()
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	ids, _ := c.files(t)
	lost := maps.Clone(acknowledged)
	for span := range ids {
		delete(lost, span)
	}
	t.Logf("%d acknowledged, %d told to come back", len(acknowledged), later)
	if len(acknowledged) == 0 || len(lost) > 0 {
		t.Errorf("%d of %d acknowledged are in no file", len(lost), len(acknowledged))
	}
}

func halfClosed(conn *tls.Conn, request *http.Request) (*http.Response, error) {
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	if err := conn.CloseWrite(); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(conn), request)
}

// load sends reports from so many clients until stop is closed, and returns the
// ids of those that were acknowledged, and how many requests were not.
func (c *collector) load(t testing.TB, clients, spans int, stop <-chan struct{}) (acknowledged map[string]bool, failed int) {
	t.Helper()
	acknowledged = make(map[string]bool)
	var mu sync.Mutex
	var all sync.WaitGroup
	client := c.client()
	for range clients {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := report(spans)
				status, err := c.post(client, encode(t, r))
				mu.Lock()
				if err == nil && status == http.StatusOK {
					for _, s := range spansOf(r) {
						acknowledged[id(s.SpanId)] = true
					}
				} else {
					failed++
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(10 * time.Millisecond) // it is not there
				}
			}
		})
	}
	all.Wait()
	return acknowledged, failed
}

// Whatever ends it, what it has acknowledged is in the files, and it goes on.
func TestEnds(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "asked to": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
			c.start(t)
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				for range 3 {
					time.Sleep(700 * time.Millisecond)
					err := c.stop(t, signal)
					if signal == syscall.SIGTERM && err != nil {
						t.Errorf("it ended with %v", err)
					}
					c.start(t)
				}
				time.Sleep(300 * time.Millisecond)
			}()
			acknowledged, failed := c.load(t, 16, 1, stop)
			ids, _ := c.files(t)
			lost, twice := 0, 0
			for id := range acknowledged {
				if ids[id] == 0 {
					lost++
				}
			}
			for _, times := range ids {
				if times > 1 {
					twice++
				}
			}
			if lost > 0 || len(acknowledged) < 100 || failed == 0 || twice > 0 {
				t.Errorf("lost %d of %d, %d twice; %d requests failed", lost, len(acknowledged), twice, failed)
			}
			t.Logf("%d acknowledged, %d in the files, %d requests failed", len(acknowledged), len(ids), failed)
		})
	}
}

// A disk that takes no more: what is acknowledged is there, the others are told
// to come back, and can when there is room.
func TestFullDisk(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.limit = "64"
	c.start(t)
	statuses := make(map[int]int)
	for range 100 {
		status, err := c.post(c.client(), encode(t, report(1)))
		must(t, err)
		statuses[status]++
	}
	ids, _ := c.files(t)
	if statuses[503] == 0 || statuses[200] == 0 || statuses[200] != len(ids) || len(statuses) != 2 {
		t.Errorf("%v, and %d spans kept", statuses, len(ids))
	}
	must(t, c.stop(t, syscall.SIGTERM))
	c.limit = "unlimited"
	c.start(t)
	if status, err := c.post(c.client(), encode(t, report(1))); status != 200 || err != nil {
		t.Errorf("with room again: %d, %v", status, err)
	}
	if now, _ := c.files(t); len(now) != len(ids)+1 {
		t.Errorf("%d spans, and then %d", len(ids), len(now))
	}
}

// The second output: with a vendor that is down, nothing is refused; what waits
// outlives an end and a kill, and goes to the vendor when it is back.
func TestVendor(t *testing.T) {
	var up atomic.Bool
	vendor, err := receiver.Start(receiver.Options{Plain: true, Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if up.Load() {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}})
	must(t, err)
	defer vendor.Close()
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0", "RUNSPAN_VENDOR="+strings.TrimSuffix(vendor.Endpoint(), "/v1/traces"))
	c.writeKey(t, "vendor.key", "secret-key")
	config := host.Root + "/collector/config/vendor.yaml"
	c.start(t, config)
	stop := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(stop) })
	acknowledged, failed := c.load(t, 4, 1, stop)
	if len(acknowledged) < 50 || failed > 0 {
		t.Fatalf("%d acknowledged, %d failed", len(acknowledged), failed)
	}
	if ids, _ := c.files(t); len(ids) != len(acknowledged) {
		t.Errorf("%d in the files", len(ids))
	}
	must(t, c.stop(t, syscall.SIGTERM))
	c.start(t, config)
	if err := c.stop(t, syscall.SIGKILL); err == nil {
		t.Error("a killed one ended well")
	}
	up.Store(true)
	c.start(t, config)
	missing := maps.Clone(acknowledged)
	for end := time.Now().Add(20 * time.Second); len(missing) > 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, s := range vendor.Spans() {
			delete(missing, id(s.SpanId))
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d are not at the vendor's, after %d requests", len(missing), len(acknowledged), len(vendor.Requests()))
	}
	for _, request := range vendor.Requests() {
		if key := request.Header.Get("X-Honeycomb-Team"); key != "secret-key" {
			t.Errorf("a request has the key %q", key)
		}
	}
	if strings.Contains(c.log.String(), "secret-key") {
		t.Error("the key is in the log")
	}
}

// Where the vendor's queue is full, clients are answered as ever.
func TestVendorsQueueIsFull(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0", "RUNSPAN_VENDOR=http://"+free(t))
	c.writeKey(t, "vendor.key", "secret-key")
	small := filepath.Join(c.dir, "small.yaml")
	must(t, os.WriteFile(small, []byte("{exporters: {otlp_http/vendor: {sending_queue: "+
		"{queue_size: 20000, batch: {min_size: 10000, max_size: 20000}}}}}"), 0o600))
	c.start(t, host.Root+"/collector/config/vendor.yaml", small)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if c.metric(t, "otelcol_exporter_enqueue_failed_spans") > 100 {
				return
			}
		}
		t.Error("the queue is not full")
	}()
	acknowledged, failed := c.load(t, 4, 1, stop)
	if ids, _ := c.files(t); failed > 0 || len(ids) != len(acknowledged) {
		t.Errorf("%d acknowledged, %d failed; %d in the files", len(acknowledged), failed, len(ids))
	}
}

var seconds = flag.Int("load", 0, "how many seconds TestLoad sends for each kind of request; CI does not")

// What it takes: not a test of CI's. go test -run TestLoad -load 20 -v
func TestLoad(t *testing.T) {
	duration := max(1, *seconds)
	for _, test := range []struct{ clients, spans int }{{1, 1}, {16, 1}, {64, 1}, {16, 100}} {
		t.Run(fmt.Sprintf("%d clients, %d spans", test.clients, test.spans), func(t *testing.T) {
			if *seconds == 0 && test.clients != 16 {
				return // one second of two of them shows that it works
			}
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
			c.start(t)
			stop := make(chan struct{})
			time.AfterFunc(time.Duration(duration)*time.Second, func() { close(stop) })
			begin := time.Now()
			acknowledged, failed := c.load(t, test.clients, test.spans, stop)
			took := time.Since(begin).Seconds()
			ids, _ := c.files(t)
			for id := range acknowledged {
				if ids[id] != 1 {
					t.Fatal("an acknowledged span is not in the files, once")
				}
			}
			if failed > 0 || len(ids) != len(acknowledged) || len(ids) == 0 {
				t.Errorf("%d of %d kept, %d failed", len(ids), len(acknowledged), failed)
			}
			spans := float64(len(acknowledged))
			t.Logf("%.0f requests/s, %.0f spans/s, none lost of %.0f; %d MB at most",
				spans/float64(test.spans)/took, spans/took, spans, c.memory(t))
		})
	}
}
