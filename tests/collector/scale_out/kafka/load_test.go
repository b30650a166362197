// SPDX-License-Identifier: MIT

package kafka_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/tests/host"
)

// foreign is in what nobody may find in a file: another service's name, and an
// attribute that the schema does not name.
const foreign = "foreign-to-the-schema"

// clientAddress is that of all clients, and nobody else's.
const clientAddress = "127.0.0.77"

// report is a request with one run of stripepy call, whose fields are the
// examples of the schema.
func report(t testing.TB) *coltracepb.ExportTraceServiceRequest {
	t.Helper()
	text, err := os.ReadFile(host.Schema)
	if err != nil {
		t.Fatal(err)
	}
	type fields map[string]struct {
		Example any `json:"example"`
	}
	var schema struct {
		Service, Scope       string
		Resource, Attributes fields
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	now := uint64(time.Now().UnixNano())
	span := &tracepb.Span{
		TraceId: make([]byte, 16), SpanId: make([]byte, 8), Name: "call",
		StartTimeUnixNano: now - 103_074_812_875, EndTimeUnixNano: now, Kind: tracepb.Span_SPAN_KIND_INTERNAL,
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_OK}, Flags: 0x101,
	}
	for key, field := range schema.Attributes {
		// What a run of call reports, of all that any span may.
		switch strings.TrimPrefix(key, "params.") {
		case "aborted", "columns", "dataset_format", "dataset_name", "highlight_seeds", "highlight_stripes", "list_only", "result_file_format_version", "unit_test", "end2end_test":
			continue
		}
		span.Attributes = append(span.Attributes, attribute(key, field.Example))
	}
	resource := &resourcepb.Resource{}
	for key, field := range schema.Resource {
		resource.Attributes = append(resource.Attributes, attribute(key, field.Example))
	}
	resource.Attributes = append(resource.Attributes, attribute("service.name", schema.Service))
	return &coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   resource,
		ScopeSpans: []*tracepb.ScopeSpans{{Scope: &commonpb.InstrumentationScope{Name: schema.Scope}, Spans: []*tracepb.Span{span}}},
	}}}
}

func attribute(key string, of any) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: value(of)}
}

func value(of any) *commonpb.AnyValue {
	v := &commonpb.AnyValue{}
	switch value := of.(type) {
	case string:
		v.Value = &commonpb.AnyValue_StringValue{StringValue: value}
	case bool:
		v.Value = &commonpb.AnyValue_BoolValue{BoolValue: value}
	case float64:
		if value == float64(int64(value)) {
			v.Value = &commonpb.AnyValue_IntValue{IntValue: int64(value)}
		} else {
			v.Value = &commonpb.AnyValue_DoubleValue{DoubleValue: value}
		}
	}
	return v
}

// A load is a crowd of clients. Each sends a report until it is acknowledged, as
// runspan does, and then the next one.
type load struct {
	t      testing.TB
	url    string
	client *http.Client
	sample []byte // a report whose ids are zero

	plain bool // nothing is forged

	mutex  sync.Mutex
	ids    map[string]bool // of all spans that were sent: whether acknowledged
	acked  atomic.Int64
	bodies atomic.Int64 // bytes of those that were acknowledged
	wire   atomic.Int64 // bytes of all connections, TLS included
	tries  atomic.Int64
	ending atomic.Bool
	crowd  sync.WaitGroup
}

func newLoad(t testing.TB, keys authority, to string) *load {
	t.Helper()
	sample, err := proto.Marshal(report(t))
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientAddress)}}
	l := &load{t: t, url: "https://" + to + "/v1/traces", sample: sample, ids: map[string]bool{}}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		return counted{conn, &l.wire}, err
	}
	transport := &http.Transport{DialContext: dial, TLSClientConfig: keys.client(), MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	l.client = &http.Client{Transport: transport, Timeout: 5 * time.Second}
	return l
}

// A counted connection counts its bytes, both ways.
type counted struct {
	net.Conn
	bytes *atomic.Int64
}

func (c counted) Read(to []byte) (int, error) {
	n, err := c.Conn.Read(to)
	c.bytes.Add(int64(n))
	return n, err
}

func (c counted) Write(from []byte) (int, error) {
	n, err := c.Conn.Write(from)
	c.bytes.Add(int64(n))
	return n, err
}

// start has the clients send at most the given number of reports each, one in a
// pause at most.
func (l *load) start(clients, reports int, pause time.Duration) {
	for range clients {
		l.crowd.Go(func() {
			for i := 0; i < reports && !l.ending.Load(); i++ {
				l.one(!l.plain && i%20 == 0)
				time.Sleep(pause)
			}
		})
	}
}

// one sends one report until it is acknowledged or the load ends.
func (l *load) one(forged bool) {
	request := &coltracepb.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(l.sample, request); err != nil {
		l.t.Error(err)
		return
	}
	of := request.ResourceSpans[0]
	span := of.ScopeSpans[0].Spans[0]
	rand.Read(span.TraceId)
	rand.Read(span.SpanId)
	vary(of.Resource.Attributes)
	vary(span.Attributes)
	span.StartTimeUnixNano -= mathrand.Uint64N(3600e9)
	if forged { // an attribute of its own, and somebody else's span beside it
		span.Attributes = append(span.Attributes, attribute(foreign, foreign))
		other := proto.Clone(of).(*tracepb.ResourceSpans)
		other.Resource.Attributes = []*commonpb.KeyValue{attribute("service.name", foreign)}
		request.ResourceSpans = append(request.ResourceSpans, other)
		rand.Read(other.ScopeSpans[0].Spans[0].SpanId)
	}
	id := hex.EncodeToString(span.SpanId)
	l.mutex.Lock()
	l.ids[id] = false
	l.mutex.Unlock()

	plain, err := proto.Marshal(request)
	if err != nil {
		l.t.Error(err)
		return
	}
	var body bytes.Buffer
	packed := gzip.NewWriter(&body)
	packed.Write(plain)
	packed.Close()
	for !l.ending.Load() {
		if l.post(body.Bytes()) {
			l.mutex.Lock()
			l.ids[id] = true
			l.mutex.Unlock()
			l.acked.Add(1)
			l.bodies.Add(int64(body.Len()))
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// vary gives a report some values of its own, as the runs of many users have.
func vary(attributes []*commonpb.KeyValue) {
	for _, a := range attributes {
		switch a.Key {
		case "service.version":
			a.Value = value(fmt.Sprintf("1.%d.%d", mathrand.N(4), mathrand.N(6)))
		case "process.runtime.version":
			a.Value = value(fmt.Sprintf("3.%d.%d", 10+mathrand.N(5), mathrand.N(12)))
		case "os.version":
			a.Value = value(fmt.Sprintf("%d.%d.0-%d-generic", 5+mathrand.N(2), mathrand.N(20), mathrand.N(200)))
		case "params.nproc":
			a.Value = value(float64(1 + mathrand.N(64)))
		case "params.contact_map_resolution":
			a.Value = value(float64(5000 * (1 + mathrand.N(10))))
		}
	}
}

func (l *load) post(body []byte) (acknowledged bool) {
	l.tries.Add(1)
	request, err := http.NewRequest(http.MethodPost, l.url, bytes.NewReader(body))
	if err != nil {
		l.t.Error(err)
		return false
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "gzip")
	response, err := l.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	io.Copy(io.Discard, response.Body)
	switch response.StatusCode {
	case http.StatusOK:
		return true
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	l.t.Errorf("the collector answered %s", response.Status)
	l.ending.Store(true)
	return false
}

// end has the clients finish, and returns the ids of all they sent: whether
// acknowledged.
func (l *load) end() map[string]bool {
	l.ending.Store(true)
	l.crowd.Wait()
	return l.ids
}

// found is what the files of some ingesting collectors hold.
type found struct {
	times   map[string]int // each span id is there
	foreign int            // occurrences
	bytes   int
}

// read takes up all files. Each line is a whole request, whoever was killed while
// it was written.
func read(t testing.TB, dirs ...string) found {
	t.Helper()
	all := found{times: map[string]int{}}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "otlp", "spans*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.bytes += len(text)
			all.foreign += bytes.Count(text, []byte(foreign))
			for line := range bytes.Lines(text) {
				if err := all.take(line); err != nil && bytes.HasSuffix(line, []byte("\n")) {
					t.Fatalf("a line of %d bytes: %v", len(line), err)
				}
			}
		}
	}
	return all
}

func (f *found) take(line []byte) error {
	var request struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []struct {
					SpanID string `json:"spanId"`
				} `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	if err := json.Unmarshal(line, &request); err != nil {
		return err
	}
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				f.times[span.SpanID]++
			}
		}
	}
	return nil
}

// missing counts what was acknowledged and is not in the files.
func (f *found) missing(ids map[string]bool) (missing int) {
	for id, acknowledged := range ids {
		if acknowledged && f.times[id] == 0 {
			missing++
		}
	}
	return missing
}
