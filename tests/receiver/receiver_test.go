// SPDX-License-Identifier: MIT

package receiver_test

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"runspan/tests/receiver"
)

func TestBodies(t *testing.T) {
	plain := marshal(t, traces("a run"))
	zipped := compress(t, plain)
	// Members of a gzip file add up, which is quicker than compressing 65 MiB.
	bomb := bytes.Repeat(compress(t, make([]byte, 1<<20)), 65)
	tests := []struct {
		name     string
		body     []byte
		encoding string
		kind     string // content type, protobuf when empty
		method   string // POST when empty
		path     string // the endpoint's when empty
		status   int
		raw      []byte
		err      string // part of the recorded error
	}{
		{name: "no encoding", body: plain, status: 200, raw: plain},
		{name: "identity", body: plain, encoding: "identity", status: 200, raw: plain},
		{name: "gzip", body: zipped, encoding: "gzip", status: 200, raw: plain},
		{name: "kind with parameter", body: plain, kind: "application/x-protobuf; v=1", status: 200, raw: plain},
		{name: "not protobuf", body: []byte("nonsense"), status: 400, raw: []byte("nonsense"), err: "proto"},
		{name: "not gzip", body: plain, encoding: "gzip", status: 400, err: "gzip"},
		{name: "cut gzip", body: zipped[:len(zipped)-9], encoding: "gzip", status: 400, err: "EOF"},
		{name: "gzip bomb", body: bomb, encoding: "gzip", status: 400, err: "64 MiB"},
		{name: "other encoding", body: plain, encoding: "br", status: 400, err: `"br"`},
		{name: "other kind", body: []byte("{}"), kind: "application/json", status: 400, raw: []byte("{}"), err: "application/json"},
		{name: "other method", body: plain, method: "PUT", status: 404, raw: plain, err: "PUT /v1/traces"},
		{name: "other path", body: plain, path: "/v1/logs", status: 404, raw: plain, err: "POST /v1/logs"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, receiver.Options{})
			hr := newRequest(t, r.Endpoint(), tc.body)
			hr.Method = cmp.Or(tc.method, "POST")
			hr.URL.Path = cmp.Or(tc.path, "/v1/traces")
			hr.Header.Set("Content-Type", cmp.Or(tc.kind, "application/x-protobuf"))
			if tc.encoding != "" {
				hr.Header.Set("Content-Encoding", tc.encoding)
			}
			status, header, answer := do(t, client(t, r), hr)

			equal(t, "status", status, tc.status)
			equal(t, "content type of the answer", header.Get("Content-Type"), "application/x-protobuf")
			got := only(t, r.Requests())
			equal(t, "via", got.Via, receiver.ViaDirect)
			equal(t, "host", got.Host, hr.URL.Host)
			equal(t, "method", got.Method, hr.Method)
			equal(t, "path", got.Path, hr.URL.Path)
			equal(t, "wire bytes", got.WireBytes, len(tc.body))
			if tc.err != "" {
				failed(t, got, tc.err, answer)
			} else {
				equal(t, "answer", string(answer), "")
				equal(t, "span", only(t, r.Spans()).GetName(), "a run")
			}
			if tc.raw != nil {
				equal(t, "raw body", string(got.Raw), string(tc.raw))
			}
		})
	}
}

// failed checks that a request was recorded with its error and that the answer
// is a google.rpc.Status with the same message.
func failed(t *testing.T, got *receiver.Request, want string, answer []byte) {
	t.Helper()
	if got.Err == nil || !strings.Contains(got.Err.Error(), want) {
		t.Fatalf("error is %v, want one with %q", got.Err, want)
	}
	if got.Body != nil {
		t.Errorf("a body was decoded: %v", got.Body)
	}
	number, kind, n := protowire.ConsumeTag(answer)
	if n < 0 || number != 2 || kind != protowire.BytesType {
		t.Fatalf("answer %q is not a google.rpc.Status with a message", answer)
	}
	message, _ := protowire.ConsumeString(answer[n:])
	equal(t, "message of the answer", message, got.Err.Error())
}

func TestRecordedHeadersAndTime(t *testing.T) {
	r := start(t, receiver.Options{})
	before := time.Now()
	hr := newRequest(t, r.Endpoint(), nil)
	hr.Header.Set("Authorization", "Bearer secret")
	do(t, client(t, r), hr)

	got := only(t, r.Requests())
	equal(t, "Authorization", got.Header.Get("Authorization"), "Bearer secret")
	equal(t, "Host", got.Header.Get("Host"), hr.URL.Host)
	if got.Time.Before(before) || got.Time.After(time.Now()) {
		t.Errorf("time %v is not between the request and now", got.Time)
	}
}

func TestPlain(t *testing.T) {
	r := start(t, receiver.Options{Plain: true})
	if !strings.HasPrefix(r.Endpoint(), "http://127.0.0.1:") {
		t.Errorf("endpoint is %s", r.Endpoint())
	}
	status, _, _ := do(t, http.DefaultClient, newRequest(t, r.Endpoint(), marshal(t, traces("in the clear"))))
	equal(t, "status", status, 200)
	equal(t, "span", only(t, r.Spans()).GetName(), "in the clear")
}

func TestLeaf(t *testing.T) {
	ca, err := receiver.NewCA()
	must(t, err)
	roots := pool(t, ca.PEM())
	tests := []struct {
		hosts []string
		ask   string
		ok    bool
	}{
		{hosts: []string{"telemetry.example.com"}, ask: "telemetry.example.com", ok: true},
		{hosts: []string{"telemetry.example.com"}, ask: "example.com"},
		{hosts: []string{"127.0.0.1"}, ask: "127.0.0.1", ok: true},
		{hosts: []string{"127.0.0.1"}, ask: "127.0.0.2"},
		{hosts: []string{"::1", "localhost"}, ask: "::1", ok: true},
		{hosts: []string{"::1", "localhost"}, ask: "localhost", ok: true},
	}
	for _, tc := range tests {
		t.Run(fmt.Sprint(tc.hosts, " asked as ", tc.ask), func(t *testing.T) {
			leaf, err := ca.Leaf(tc.hosts...)
			must(t, err)
			cert, err := x509.ParseCertificate(leaf.Certificate[0])
			must(t, err)
			_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: tc.ask})
			equal(t, "verified", err == nil, tc.ok)
		})
	}
}

func TestCA(t *testing.T) {
	r := start(t, receiver.Options{Dir: t.TempDir()})
	file, err := os.ReadFile(r.CAFile())
	must(t, err)
	equal(t, "ca.pem", string(file), string(r.CAPEM()))

	block, _ := pem.Decode(file)
	cert, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	equal(t, "lifetime", cert.NotAfter.Sub(cert.NotBefore), 24*time.Hour)
	if age := time.Since(cert.NotBefore); age < time.Hour || age > 2*time.Hour {
		t.Errorf("valid since %v, want an hour", age)
	}

	other := start(t, receiver.Options{})
	_, err = client(t, other).Get(r.Endpoint())
	if err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("a client that trusts another CA got %v", err)
	}
	equal(t, "requests", len(r.Requests()), 0)
}

func TestRespond(t *testing.T) {
	r := start(t, receiver.Options{Respond: func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n > 1 {
			return false
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}})
	body := marshal(t, traces("again"))

	status, header, _ := do(t, client(t, r), newRequest(t, r.Endpoint(), body))
	equal(t, "first status", status, 503)
	equal(t, "Retry-After", header.Get("Retry-After"), "7")
	status, _, _ = do(t, client(t, r), newRequest(t, r.Endpoint(), body))
	equal(t, "second status", status, 200)
	equal(t, "requests", len(r.Requests()), 2)
	equal(t, "spans", len(r.Spans()), 2)
}

func TestRespondMayCutTheConnection(t *testing.T) {
	r := start(t, receiver.Options{Respond: func(int, http.ResponseWriter, *http.Request) bool {
		panic(http.ErrAbortHandler)
	}})
	_, err := client(t, r).Do(newRequest(t, r.Endpoint(), marshal(t, traces("lost"))))
	if err == nil {
		t.Error("the client got an answer")
	}
	equal(t, "span", r.Spans()[0].GetName(), "lost")
}

func TestSpansCarryResourceAndScope(t *testing.T) {
	r := start(t, receiver.Options{})
	do(t, client(t, r), newRequest(t, r.Endpoint(), marshal(t, traces("first", "second"))))

	spans := r.Spans()
	equal(t, "spans", len(spans), 2)
	for i, name := range []string{"first", "second"} {
		equal(t, "name", spans[i].GetName(), name)
		equal(t, "resource", spans[i].Resource.GetAttributes()[0].GetKey(), "service.name")
		equal(t, "scope", spans[i].Scope.GetName(), "scope")
	}
}

func TestWaitSpans(t *testing.T) {
	r := start(t, receiver.Options{})
	spans, err := r.WaitSpans(1, time.Millisecond)
	if err == nil || len(spans) != 0 {
		t.Errorf("without spans: %v, %v", spans, err)
	}

	c, hr := client(t, r), newRequest(t, r.Endpoint(), marshal(t, traces("late")))
	sent := make(chan error, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		resp, err := c.Do(hr)
		if err == nil {
			err = resp.Body.Close()
		}
		sent <- err
	}()
	spans, err = r.WaitSpans(1, 10*time.Second)
	must(t, err)
	equal(t, "span", only(t, spans).GetName(), "late")
	must(t, <-sent)

	spans, err = r.WaitSpans(2, time.Millisecond)
	if err == nil || len(spans) != 1 {
		t.Errorf("with one span of two: %d spans, %v", len(spans), err)
	}
}

func TestRequestsFile(t *testing.T) {
	dir := t.TempDir()
	var r *receiver.Receiver
	var inHook int
	r = start(t, receiver.Options{
		Dir:      dir,
		ProxyFor: []string{"telemetry.example.com"},
		Respond: func(int, http.ResponseWriter, *http.Request) bool {
			inHook = len(lines(t, r.RequestsFile()))
			return false
		},
	})
	equal(t, "path", r.RequestsFile(), filepath.Join(dir, "requests.jsonl"))

	hr := newRequest(t, r.Endpoint(), marshal(t, traces("a run")))
	hr.Header.Add("X-Twice", "a")
	hr.Header.Add("X-Twice", "b")
	do(t, client(t, r), hr)
	equal(t, "lines written before the answer", inHook, 1)
	do(t, client(t, r), newRequest(t, r.Endpoint(), []byte("nonsense")))
	do(t, proxied(t, r), newRequest(t, "http://example.com/", nil))
	do(t, proxied(t, r), newRequest(t, "https://telemetry.example.com/v1/traces", nil))

	got := lines(t, r.RequestsFile())
	equal(t, "lines", len(got), 4)
	good := got[0]
	equal(t, "time", good["time_unix_nano"], any(json.Number(fmt.Sprint(r.Requests()[0].Time.UnixNano()))))
	equal(t, "via", good["via"], any("direct"))
	equal(t, "method", good["method"], any("POST"))
	equal(t, "path", good["path"], any("/v1/traces"))
	equal(t, "host", good["host"], any(hr.URL.Host))
	equal(t, "wire_bytes", good["wire_bytes"], any(json.Number(fmt.Sprint(hr.ContentLength))))
	equal(t, "headers", good["headers"].(map[string]any)["X-Twice"], any("a, b"))
	equal(t, "body", canonical(t, good["body"]), otlpJSON(t, traces("a run")))

	if bad := got[1]; bad["error"] == nil || bad["body"] != nil {
		t.Errorf("line of a bad body: %v", bad)
	}
	equal(t, "refused", got[2], map[string]any{"refused": "example.com"})
	equal(t, "via", got[3]["via"], any("proxy"))
	equal(t, "host", got[3]["host"], any("telemetry.example.com:443"))
}

func TestInMemoryHasNoFiles(t *testing.T) {
	r := start(t, receiver.Options{})
	equal(t, "CAFile", r.CAFile(), "")
	equal(t, "RequestsFile", r.RequestsFile(), "")
}

func TestStartFailsWithoutDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	r, err := receiver.Start(receiver.Options{Dir: file})
	if err == nil {
		t.Errorf("started with a file for a directory: %v", r.Close())
	}
}

func TestCloseReportsFailedWrites(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Fatal("no device here that refuses writes: ", err)
	}
	dir := t.TempDir()
	must(t, os.Symlink(full, filepath.Join(dir, "requests.jsonl")))
	r, err := receiver.Start(receiver.Options{Dir: dir})
	must(t, err)
	do(t, client(t, r), newRequest(t, r.Endpoint(), nil))
	equal(t, "requests", len(r.Requests()), 1)
	if err := r.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Close returned %v", err)
	}
}

func TestClose(t *testing.T) {
	r := start(t, receiver.Options{Dir: t.TempDir()})
	c := client(t, r)
	do(t, c, newRequest(t, r.Endpoint(), marshal(t, traces("before"))))
	must(t, r.Close())
	if _, err := c.Do(newRequest(t, r.Endpoint(), nil)); err == nil {
		t.Error("the endpoint still answers")
	}
	if _, err := http.Get(r.ProxyURL()); err == nil {
		t.Error("the proxy still answers")
	}
	equal(t, "span kept", only(t, r.Spans()).GetName(), "before")
	must(t, r.Close())
}

func TestConcurrentRequests(t *testing.T) {
	const count = 50
	var mu sync.Mutex
	numbers := map[int]bool{}
	r := start(t, receiver.Options{
		Dir:      t.TempDir(),
		ProxyFor: []string{"telemetry.example.com"},
		Respond: func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			mu.Lock()
			defer mu.Unlock()
			numbers[n] = true
			return false
		},
	})
	direct, tunnel := client(t, r), proxied(t, r)
	var all sync.WaitGroup
	for i := range count {
		body := marshal(t, traces(fmt.Sprint("run ", i)))
		all.Go(func() { do(t, direct, newRequest(t, r.Endpoint(), body)) })
		all.Go(func() { do(t, tunnel, newRequest(t, "https://telemetry.example.com/v1/traces", body)) })
	}
	spans, err := r.WaitSpans(2*count, 30*time.Second)
	must(t, err)
	all.Wait()
	equal(t, "spans", len(spans), 2*count)
	equal(t, "numbers", len(numbers), 2*count)
	equal(t, "lines", len(lines(t, r.RequestsFile())), 2*count)
	distinct := map[string]bool{}
	for _, s := range spans {
		distinct[s.GetName()] = true
	}
	equal(t, "distinct spans", len(distinct), count)
}
