// SPDX-License-Identifier: MIT

package courier_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/courier"
	"runspan/internal/spool"
)

const userAgent = "runspan/test"

func request(t *testing.T, name string) []byte {
	t.Helper()
	encoded, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: name}}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// collector answers with a status, 0 for 200.
type collector struct {
	mu       sync.Mutex
	status   int
	header   http.Header
	names    []string // of spans that came, whatever the answer
	requests []*http.Request
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	encoded, _ := io.ReadAll(body)
	var got coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(encoded, &got); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.names = append(c.names, got.ResourceSpans[0].ScopeSpans[0].Spans[0].Name)
	c.requests = append(c.requests, r)
	for key := range c.header {
		w.Header().Set(key, c.header.Get(key))
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
}

func (c *collector) recovers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = 0
}

func (c *collector) came() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.names, " ")
}

type sender struct {
	*courier.Courier
	store spool.Store
	mu    sync.Mutex
	lines []string
}

func start(t *testing.T, endpoint string, network *courier.Network) *sender {
	t.Helper()
	s := &sender{store: &spool.Memory{}}
	var err error
	s.Courier, err = courier.New(endpoint, userAgent, network, s.store, func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, line)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *sender) put(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := s.store.Put(request(t, name)); err != nil {
			t.Fatal(err)
		}
		s.Wake()
	}
}

func (s *sender) flush(timeout time.Duration) (delivered bool, took time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	begun := time.Now()
	return s.Flush(ctx), time.Since(begun)
}

func TestDeliversInOrder(t *testing.T) {
	c := &collector{}
	server := httptest.NewServer(c)
	defer server.Close()
	s := start(t, server.URL+"/v1/traces", &courier.Network{})
	if delivered, _ := s.flush(time.Second); !delivered {
		t.Error("nothing to deliver, and not delivered")
	}
	s.put(t, "a", "b", "c")
	if delivered, _ := s.flush(10 * time.Second); !delivered || c.came() != "a b c" {
		t.Errorf("delivered %v: %q", delivered, c.came())
	}
	r := c.requests[0]
	if r.Header.Get("User-Agent") != userAgent || r.Header.Get("Content-Encoding") != "gzip" || r.Method != "POST" || r.URL.Path != "/v1/traces" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
}

func TestAnswers(t *testing.T) {
	const (
		ends  = iota // the answer ends the batch
		again        // it is sent again, at a flush for instance
		waits        // it is sent again, but not as soon
	)
	for _, test := range []struct {
		name   string
		status int
		header http.Header
		want   int
	}{
		{"200", 200, nil, ends},
		{"202", 202, nil, ends},
		{"429", 429, nil, again},
		{"502", 502, nil, again},
		{"503", 503, nil, again},
		{"504", 504, nil, again},
		{"503, nonsense to wait", 503, http.Header{"Retry-After": {"soon"}}, again},
		{"503, yesterday", 503, http.Header{"Retry-After": {time.Now().Add(-24 * time.Hour).UTC().Format(http.TimeFormat)}}, again},
		{"503, now", 503, http.Header{"Retry-After": {"0"}}, again},
		{"503, in a minute", 503, http.Header{"Retry-After": {"60"}}, waits},
		{"429, in 10^30 s", 429, http.Header{"Retry-After": {"1" + strings.Repeat("0", 30)}}, waits},
		{"503, tomorrow", 503, http.Header{"Retry-After": {time.Now().Add(24 * time.Hour).UTC().Format(http.TimeFormat)}}, waits},
		{"400", 400, nil, ends},
		{"401", 401, nil, ends},
		{"404", 404, nil, ends},
		{"413", 413, nil, ends},
		{"500", 500, nil, ends},
		{"307 is not followed", 307, http.Header{"Location": {"/elsewhere"}}, ends},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &collector{status: test.status, header: test.header}
			server := httptest.NewServer(c)
			defer server.Close()
			s := start(t, server.URL, &courier.Network{})
			s.put(t, "a")
			if done, took := s.flush(10 * time.Second); done != (test.want == ends) || took > 5*time.Second {
				t.Errorf("first flush: %v after %v", done, took)
			}
			attempts := len(c.came())
			c.recovers()
			if done, _ := s.flush(10 * time.Second); done != (test.want != waits) {
				t.Errorf("second flush: %v", done)
			}
			if more := len(c.came()) > attempts; more != (test.want == again) {
				t.Errorf("came %q", c.came())
			}
			if attempts > len("a a a") {
				t.Errorf("it hammers: came %q", c.came())
			}
		})
	}
}

func TestFlushDoesNotOutlastItsDeadline(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"http", "https"} {
		s := start(t, fmt.Sprintf("%s://%s/", scheme, silent.Addr()), &courier.Network{})
		s.put(t, "a")
		if delivered, took := s.flush(100 * time.Millisecond); delivered || took < 90*time.Millisecond || took > 2*time.Second {
			t.Errorf("%s: %v after %v", scheme, delivered, took)
		}
	}
}

func TestRefusedConnectionEndsAFlushEarly(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s := start(t, "http://"+closed.Addr().String(), &courier.Network{})
	s.put(t, "a")
	if delivered, took := s.flush(20 * time.Second); delivered || took > 5*time.Second {
		t.Errorf("%v after %v", delivered, took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 || !strings.Contains(s.lines[0], "connection refused") {
		t.Errorf("log: %q", s.lines)
	}
}

func TestResponsesAreReadUpToACap(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		for r.Context().Err() == nil {
			if _, err := w.Write(bytes.Repeat([]byte{0}, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	s := start(t, endless.URL, &courier.Network{})
	s.put(t, "a")
	if delivered, took := s.flush(20 * time.Second); !delivered || took > 10*time.Second {
		t.Errorf("%v after %v", delivered, took)
	}
}

func TestTLS(t *testing.T) {
	c := &collector{}
	server := httptest.NewTLSServer(c)
	server.Config.ErrorLog = nil
	defer server.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		network courier.Network
		want    bool
	}{
		{"unknown authority", courier.Network{}, false},
		{"file", courier.Network{CertFile: ca}, true},
		{"folder", courier.Network{CertDir: "/nowhere:" + filepath.Dir(ca)}, true},
		{"no file", courier.Network{CertFile: "/nowhere"}, false},
	} {
		s := start(t, server.URL, &test.network)
		s.put(t, "a")
		if delivered, _ := s.flush(10 * time.Second); delivered != test.want {
			t.Errorf("%s: delivered %v", test.name, delivered)
		}
	}
}

func TestProxies(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	for _, test := range []struct {
		name, endpoint string
		network        courier.Network
		want           string
	}{
		{"https", "https://collector.example:4319/", courier.Network{HTTPSProxy: proxy.URL}, "CONNECT collector.example:4319"},
		{"not for it", "https://127.0.0.1:1/", courier.Network{HTTPSProxy: proxy.URL, NoProxy: "127.0.0.1"}, ""},
		{"of http only", "https://127.0.0.1:1/", courier.Network{HTTPProxy: proxy.URL}, ""},
	} {
		asked = nil
		s := start(t, test.endpoint, &test.network)
		s.put(t, "a")
		s.flush(5 * time.Second)
		mu.Lock()
		if got := strings.Join(asked, " "); got != test.want {
			t.Errorf("%s: the proxy was asked %q, want %q", test.name, got, test.want)
		}
		mu.Unlock()
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]error{
		"https://collector.example/v1/traces": nil,
		"https://10.0.0.1:4318":               nil,
		"http://127.0.0.1:4318/v1/traces":     nil,
		"http://[::1]:4318/":                  nil,
		"http://localhost:4318/":              nil,
		"http://collector.example/":           courier.ErrEndpoint,
		"http://10.0.0.1/":                    courier.ErrEndpoint,
		"http://localhost.example/":           courier.ErrEndpoint,
		"http://127.0.0.1.example/":           courier.ErrEndpoint,
		"https://user:key@collector.example/": courier.ErrEndpoint,
		"https://collector.example/?key=1":    courier.ErrEndpoint,
		"ftp://127.0.0.1/":                    courier.ErrEndpoint,
		"collector.example":                   courier.ErrEndpoint,
		"https://":                            courier.ErrEndpoint,
		"\x00":                                courier.ErrEndpoint,
	} {
		if got := courier.CheckEndpoint(endpoint); got != want {
			t.Errorf("%q: got %v, want %v", endpoint, got, want)
		}
	}
}

// What OTEL_EXPORTER_OTLP_ variables say is meant for another exporter.
func TestEnvironmentIsNotHeard(t *testing.T) {
	c := &collector{}
	server := httptest.NewServer(c)
	defer server.Close()
	for _, infix := range []string{"", "TRACES_"} {
		for key, value := range map[string]string{
			"ENDPOINT":           "http://127.0.0.1:1/elsewhere",
			"HEADERS":            "api-key=SECRET123",
			"PROTOCOL":           "http/json",
			"COMPRESSION":        "none",
			"TIMEOUT":            "1",
			"CERTIFICATE":        "/nowhere",
			"CLIENT_CERTIFICATE": "/nowhere",
			"CLIENT_KEY":         "/nowhere",
			"INSECURE":           "true",
		} {
			t.Setenv("OTEL_EXPORTER_OTLP_"+infix+key, value)
		}
	}
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := start(t, server.URL+"/v1/traces", &courier.Network{})
	s.put(t, "a")
	if delivered, _ := s.flush(10 * time.Second); !delivered || c.came() != "a" {
		t.Fatalf("delivered %v: %q", delivered, c.came())
	}
	r := c.requests[0]
	if r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
}

type panicking struct{ spool.Memory }

func (*panicking) Claim() (*spool.Batch, bool) { panic("a defect") }

func TestAPanicIsNotTheHosts(t *testing.T) {
	store := &panicking{}
	c, err := courier.New("http://127.0.0.1:1/", userAgent, &courier.Network{}, store, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = store.Put(request(t, "a"))
	c.Wake()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	begun := time.Now()
	if c.Flush(ctx) || time.Since(begun) > 10*time.Second {
		t.Errorf("a flush ended after %v", time.Since(begun))
	}
}
