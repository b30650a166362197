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
	"runtime"
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

func anything([]byte) error { return nil }

// collector answers with a status, 0 for 200.
type collector struct {
	mu       sync.Mutex
	status   int
	header   http.Header
	names    []string // of spans that came, whatever the answer
	last     string   // those of the last request
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
	var names []string
	for _, spans := range got.ResourceSpans {
		for _, span := range spans.ScopeSpans[0].Spans {
			names = append(names, span.Name)
		}
	}
	c.last = strings.Join(names, " ")
	c.names = append(c.names, names...)
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
	store *spool.Spool
	mu    sync.Mutex
	lines []string
}

// start starts a courier for a spool in the folder; empty: in memory.
func start(t *testing.T, endpoint string, network *courier.Network, folder string) *sender {
	t.Helper()
	return startTo(t, courier.Destination{URL: endpoint}, network, folder)
}

func startTo(t *testing.T, to courier.Destination, network *courier.Network, folder string) *sender {
	t.Helper()
	s := &sender{}
	log := func(line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, line)
	}
	s.store = spool.Open(folder, spool.Limits{Files: 1000, Bytes: 1 << 20, Age: time.Hour}, anything, log)
	s.Courier = courier.New(to, userAgent, network, s.store, log)
	t.Cleanup(s.close)
	return s
}

func (s *sender) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.Close(ctx)
	s.store.Close(ctx)
}

func (s *sender) put(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := s.store.Put(request(t, name), nil); err != nil {
			t.Fatal(err)
		}
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
	s := start(t, server.URL+"/v1/traces", &courier.Network{}, "")
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
		again        // it is sent again, after a second at most
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
			t.Parallel()
			c := &collector{status: test.status, header: test.header}
			server := httptest.NewServer(c)
			defer server.Close()
			s := start(t, server.URL, &courier.Network{}, "")
			begun := time.Now()
			s.put(t, "a")
			if done, took := s.flush(10 * time.Second); done != (test.want == ends) || took > 5*time.Second {
				t.Errorf("first flush: %v after %v", done, took)
			}
			attempts := len(c.came())
			if attempts != 1 {
				t.Errorf("it hammers: came %q", c.came())
			}
			c.recovers()
			if test.want == again {
				eventually(t, "second attempt", func() bool { return len(c.came()) > attempts })
				if done, _ := s.flush(10 * time.Second); !done {
					t.Error("not delivered")
				}
				return
			}
			if done, took := s.flush(1500 * time.Millisecond); done != (test.want == ends) || took > time.Second {
				t.Errorf("second flush: %v after %v", done, took)
			}
			time.Sleep(1100*time.Millisecond - time.Since(begun))
			if c.came() != "a" {
				t.Errorf("came %q", c.came())
			}
		})
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no " + what)
		}
	}
}

// A run keeps to the pause that an earlier one was given, and a success ends it.
func TestPausesLastBetweenRuns(t *testing.T) {
	c := &collector{status: 503, header: http.Header{"Retry-After": {"2"}}}
	server := httptest.NewServer(c)
	defer server.Close()
	folder := filepath.Join(t.TempDir(), "service")
	first := start(t, server.URL, &courier.Network{}, folder)
	first.put(t, "a")
	if done, _ := first.flush(10 * time.Second); done {
		t.Fatal("delivered")
	}
	failed := time.Now()
	first.close()
	c.recovers()
	second := start(t, server.URL, &courier.Network{}, folder)
	second.put(t, "b")
	if done, took := second.flush(10 * time.Second); done || took > time.Second || c.came() != "a" {
		t.Errorf("in the pause: %v after %v, came %q", done, took, c.came())
	}
	eventually(t, "delivery", func() bool { return second.store.IsIdle() })
	if took := time.Since(failed); took < 1900*time.Millisecond || took > 8*time.Second {
		t.Errorf("it came %v after the failure", took)
	}
	if came := c.came(); came != "a a b" && came != "a b a" {
		t.Errorf("came %q", came)
	}
	if pause := second.store.Pause(); pause != (spool.Pause{}) {
		t.Errorf("a pause is left: %v", pause)
	}
}

// A run keeps to what another was asked for after it began; its own failure does
// not shorten that, nor its own success end it.
func TestAnotherRunsPause(t *testing.T) {
	hour := spool.Pause{Failures: 1, ByCollector: true, Start: time.UnixMilli(time.Now().UnixMilli()), Duration: time.Hour}
	for _, test := range []struct {
		name   string
		before spool.Pause // when the run begins
		during bool        // the hour is asked for while the request is on its way; else before it
		status int
		came   string
	}{
		{"before the attempt", spool.Pause{}, false, 200, ""},
		{"during one that fails", spool.Pause{}, true, 503, "a"},
		{"during one that succeeds", spool.Pause{}, true, 200, "a"},
		{"during one that succeeds, after a pause", spool.Pause{Failures: 1, Start: time.Now().Add(-time.Minute), Duration: time.Second}, true, 200, "a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "service")
			other := spool.Open(folder, spool.Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			other.SetPause(test.before)
			c := &collector{status: test.status}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if test.during {
					other.SetPause(hour)
				}
				c.ServeHTTP(w, r)
			}))
			defer server.Close()
			s := start(t, server.URL, &courier.Network{}, folder)
			if done, _ := s.flush(10 * time.Second); !done {
				t.Fatal("there is something to deliver")
			}
			if !test.during {
				other.SetPause(hour)
			}
			s.put(t, "a")
			s.flush(5 * time.Second)
			if c.came() != test.came {
				t.Errorf("came %q", c.came())
			}
			s.put(t, "b")
			if done, took := s.flush(5 * time.Second); done || took > 4*time.Second || c.came() != test.came {
				t.Errorf("in the pause: %v after %v, came %q", done, took, c.came())
			}
			if got := spool.ReadPause(folder); got != hour {
				t.Errorf("the pause is %v", got)
			}
		})
	}
}

// A pause that was not kept to its last second, which the draw allows, gives way
// to a shorter one that the collector asks for then.
func TestShorterPauseIsKept(t *testing.T) {
	c := &collector{status: 503, header: http.Header{"Retry-After": {"1"}}}
	server := httptest.NewServer(c)
	defer server.Close()
	folder := filepath.Join(t.TempDir(), "service")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	// A spool's own pause is its courier's alone to set.
	before := spool.Open(folder, spool.Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
	before.SetPause(spool.Pause{Failures: 1, Start: time.Now().Add(5*time.Second - time.Hour), Duration: time.Hour})
	s := start(t, server.URL, &courier.Network{}, folder)
	s.put(t, "a")
	if done, took := s.flush(5 * time.Second); done || took > time.Second || len(c.came()) > 1 {
		t.Errorf("%v after %v, came %q", done, took, c.came())
	}
}

// Only an attempt that was cut off after a fair time is a failure.
func TestInterruptedAttempt(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{100 * time.Millisecond, 0}, {2500 * time.Millisecond, 1}} {
		folder := filepath.Join(t.TempDir(), "service")
		s := start(t, "http://"+silent.Addr().String(), &courier.Network{}, folder)
		s.put(t, "a")
		s.flush(test.after)
		s.close()
		again := spool.Open(folder, spool.Limits{Files: 1, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
		if got := again.Pause().Failures; got != test.want {
			t.Errorf("after %v: %d failures, want %d", test.after, got, test.want)
		}
		if again.Claim() == nil {
			t.Errorf("after %v: the batch is lost", test.after)
		}
	}
}

// If the connection took longer than the time that is left, nothing is sent: the exit would
// interrupt the request, and a later run would send it again.
func TestTooLateToSend(t *testing.T) {
	for _, test := range []struct {
		connects, budget time.Duration
		want             bool
	}{
		{0, 10 * time.Second, true},
		{600 * time.Millisecond, 10 * time.Second, true},
		{600 * time.Millisecond, time.Second, false},
	} {
		c := &collector{}
		server := httptest.NewUnstartedServer(c)
		server.Listener = slow{server.Listener, test.connects}
		server.StartTLS()
		defer server.Close()
		s := start(t, server.URL, &courier.Network{CertFile: certificateOf(t, server)}, "")
		s.put(t, "a")
		ctx, cancel := context.WithTimeout(context.Background(), test.budget)
		defer cancel()
		begun := time.Now()
		delivered := s.Finish(ctx, 0)
		took := time.Since(begun)
		time.Sleep(100 * time.Millisecond)
		if came := c.came() == "a"; delivered != test.want || came != test.want || took > test.budget {
			t.Errorf("%v: delivered %v after %v, came %q", test, delivered, took, c.came())
		}
		if all := s.store.IsIdle(); all != test.want {
			t.Errorf("%v: nothing left: %v", test, all)
		}
		if pause := s.store.Pause(); pause != (spool.Pause{}) {
			t.Errorf("%v: it counts as a failure: %v", test, pause)
		}
	}
}

// slow is a listener whose connections are late.
type slow struct {
	net.Listener
	by time.Duration
}

func (l slow) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	time.Sleep(l.by)
	return c, err
}

func TestFlushDoesNotOutlastItsDeadline(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"http", "https"} {
		s := start(t, fmt.Sprintf("%s://%s/", scheme, silent.Addr()), &courier.Network{}, "")
		s.put(t, "a")
		if delivered, took := s.flush(100 * time.Millisecond); delivered || took < 90*time.Millisecond || took > 2*time.Second {
			t.Errorf("%s: %v after %v", scheme, delivered, took)
		}
	}
}

// refused is what each system says of a port at which nothing listens.
var refused = map[bool]string{false: "connection refused", true: "refused"}[runtime.GOOS == "windows"]

func TestRefusedConnectionEndsAFlushEarly(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	s := start(t, "http://"+closed.Addr().String(), &courier.Network{}, "")
	s.put(t, "a")
	if delivered, took := s.flush(20 * time.Second); delivered || took > 5*time.Second {
		t.Errorf("%v after %v", delivered, took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 || !strings.Contains(strings.ToLower(s.lines[0]), refused) {
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
	s := start(t, endless.URL, &courier.Network{}, "")
	s.put(t, "a")
	if delivered, took := s.flush(20 * time.Second); !delivered || took > 10*time.Second {
		t.Errorf("%v after %v", delivered, took)
	}
}

// certificateOf writes a server's certificate to a file.
func certificateOf(t *testing.T, server *httptest.Server) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(path, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTLS(t *testing.T) {
	c := &collector{}
	server := httptest.NewTLSServer(c)
	server.Config.ErrorLog = nil
	defer server.Close()
	ca, nowhere := certificateOf(t, server), "/nowhere"+string(filepath.ListSeparator)
	for _, test := range []struct {
		name    string
		network courier.Network
		want    bool
	}{
		{"unknown authority", courier.Network{}, false},
		{"file", courier.Network{CertFile: ca}, true},
		{"folder", courier.Network{CertDir: nowhere + filepath.Dir(ca)}, true},
		{"no file", courier.Network{CertFile: "/nowhere"}, false},
		{"requests' file", courier.Network{RequestsBundle: ca}, true},
		{"requests' folder", courier.Network{RequestsBundle: filepath.Dir(ca)}, true},
		{"curl's file", courier.Network{CurlBundle: ca}, true},
		{"curl's file, of other names what is gone", courier.Network{CertFile: "/nowhere", CertDir: nowhere + "/", RequestsBundle: "/nowhere", CurlBundle: ca}, true},
	} {
		s := start(t, server.URL, &test.network, "")
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
		{"https", "https://collector.example:4319/", courier.Network{Proxy: proxy.URL}, "CONNECT collector.example:4319"},
		{"loopback", "https://127.0.0.1:1/", courier.Network{Proxy: proxy.URL}, ""},
		{"loopback by http", "http://localhost:1/", courier.Network{Proxy: proxy.URL}, ""},
	} {
		mu.Lock()
		asked = nil
		mu.Unlock()
		s := start(t, test.endpoint, &test.network, "")
		s.put(t, "a")
		s.flush(5 * time.Second)
		mu.Lock()
		if got := strings.Join(asked, " "); got != test.want {
			t.Errorf("%s: the proxy was asked %q, want %q", test.name, got, test.want)
		}
		mu.Unlock()
	}
}

// A proxy that can't be used is no reason to go without it. It is none for
// waiting either, nor anything that the runs after it have to know of.
func TestUnusableProxy(t *testing.T) {
	c := &collector{}
	server := httptest.NewTLSServer(c)
	defer server.Close()
	folder := filepath.Join(t.TempDir(), "service")
	network := courier.Network{CertFile: certificateOf(t, server), Proxy: "http://alice:secret@proxy:port", ProxyVariable: "ALL_PROXY"}
	// It can't be reached, but for a name of it that is looked for it would be failed.
	s := start(t, "https://collector.invalid:4319/", &network, folder)
	s.put(t, "a", "b")
	if delivered, took := s.flush(20 * time.Second); delivered || took > 5*time.Second {
		t.Errorf("%v after %v", delivered, took)
	}
	begun := time.Now()
	s.close()
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it closes after %v", took)
	}
	s.mu.Lock()
	const want = "nothing is sent: the proxy in ALL_PROXY can't be used: its port is not a number from 1 to 65535"
	if len(s.lines) != 1 || s.lines[0] != want {
		t.Errorf("log: %q", s.lines)
	}
	s.mu.Unlock()
	if pause := spool.ReadPause(folder); pause != (spool.Pause{}) {
		t.Errorf("it counts as a failure: %v", pause)
	}
	network.NoProxy = "127.0.0.0/8"
	next := start(t, server.URL, &network, folder)
	if delivered, _ := next.flush(10 * time.Second); !delivered {
		eventually(t, "delivery by the next run", func() bool { return next.store.IsIdle() })
	}
	if came := c.came(); came != "a b" && came != "b a" {
		t.Errorf("came %q", came)
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

// The OTEL_EXPORTER_OTLP_ variables are for another exporter, and have no effect.
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
	s := start(t, server.URL+"/v1/traces", &courier.Network{}, "")
	s.put(t, "a")
	if delivered, _ := s.flush(10 * time.Second); !delivered || c.came() != "a" {
		t.Fatalf("delivered %v: %q", delivered, c.came())
	}
	r := c.requests[0]
	if r.URL.Path != "/v1/traces" || r.Header.Get("Api-Key") != "" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%s %v", r.URL, r.Header)
	}
}

func TestAPanicIsNotTheHosts(t *testing.T) {
	var once sync.Once
	log := func(string) { once.Do(func() { panic("a defect") }) }
	store := spool.Open("", spool.Limits{}, anything, func(string) {})
	c := courier.New(courier.Destination{URL: "http://127.0.0.1:1/"}, userAgent, &courier.Network{}, store, log)
	_ = store.Put(request(t, "a"), nil)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	begun := time.Now()
	if c.Flush(ctx) || time.Since(begun) > 10*time.Second {
		t.Errorf("a flush ended after %v", time.Since(begun))
	}
	c.Close(ctx)
}
