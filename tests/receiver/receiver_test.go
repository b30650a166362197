package receiver_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

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

func TestProxyTunnel(t *testing.T) {
	const host = "telemetry.example.com"
	tests := []struct {
		name     string
		proxyFor []string
		url      string
		target   string // what CONNECT asks for
		ok       bool
	}{
		{"name", []string{host}, "https://telemetry.example.com/v1/traces", host + ":443", true},
		{"name on any port", []string{host}, "https://telemetry.example.com:4318/v1/traces", host + ":4318", true},
		{"name and port", []string{"x", host + ":4318"}, "https://telemetry.example.com:4318/v1/traces", host + ":4318", true},
		{"case", []string{"Telemetry.Example.COM"}, "https://telemetry.example.com/v1/traces", host + ":443", true},
		{"address", []string{"192.0.2.1"}, "https://192.0.2.1/v1/traces", "192.0.2.1:443", true},
		{"IPv6 address", []string{"2001:db8::1"}, "https://[2001:db8::1]/v1/traces", "[2001:db8::1]:443", true},
		{"other port", []string{host + ":4318"}, "https://telemetry.example.com/v1/traces", host + ":443", false},
		{"other name", []string{host}, "https://example.com/v1/traces", "example.com:443", false},
		{"no name", nil, "https://telemetry.example.com/v1/traces", host + ":443", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, receiver.Options{ProxyFor: tc.proxyFor})
			resp, err := proxied(t, r).Do(newRequest(t, tc.url, marshal(t, traces("a run"))))
			equal(t, "asked", r.Asked(), []string{tc.target})
			if !tc.ok {
				if err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
					t.Errorf("error is %v, want Bad Gateway", err)
				}
				equal(t, "refused", r.Refused(), []string{tc.target})
				equal(t, "requests", len(r.Requests()), 0)
				return
			}
			must(t, err)
			must(t, resp.Body.Close())
			equal(t, "status", resp.StatusCode, 200)
			equal(t, "refused", len(r.Refused()), 0)
			got := only(t, r.Requests())
			equal(t, "via", got.Via, receiver.ViaProxy)
			equal(t, "host", got.Host, tc.target)
			equal(t, "span", only(t, r.Spans()).GetName(), "a run")
		})
	}
}

// The certificate in the tunnel is for the host of the CONNECT, so a client
// that expects another name must not get through.
func TestProxyTunnelCertificate(t *testing.T) {
	r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
	c := proxied(t, r)
	c.Transport.(*http.Transport).TLSClientConfig.ServerName = "other.example.com"
	_, err := c.Do(newRequest(t, "https://telemetry.example.com/v1/traces", nil))
	if err == nil || !strings.Contains(err.Error(), "valid for telemetry.example.com, not other.example.com") {
		t.Errorf("error is %v", err)
	}
	equal(t, "asked", r.Asked(), []string{"telemetry.example.com:443"})
	equal(t, "requests", len(r.Requests()), 0)
}

// An eager client may send its ClientHello before it has the proxy's answer.
func TestProxyTunnelEagerClient(t *testing.T) {
	r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.ProxyURL(), "http://"))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	eager := &eagerConn{Conn: conn, head: "CONNECT telemetry.example.com:443 HTTP/1.1\r\nHost: telemetry.example.com:443\r\n\r\n"}
	tc := tls.Client(eager, &tls.Config{RootCAs: pool(t, r.CAPEM()), ServerName: "telemetry.example.com"})
	must(t, tc.Handshake())
}

// eagerConn sends the CONNECT and the first bytes of TLS in one write, and
// takes the proxy's answer off what comes back.
type eagerConn struct {
	net.Conn
	head    string
	skipped bool
}

func (c *eagerConn) Write(p []byte) (int, error) {
	head := c.head
	c.head = ""
	n, err := c.Conn.Write(append([]byte(head), p...))
	return n - len(head), err
}

func (c *eagerConn) Read(p []byte) (int, error) {
	if !c.skipped {
		c.skipped = true
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

// Being in ProxyFor does not help: that is for TLS alone.
func TestProxyRefusesPlainHTTP(t *testing.T) {
	for _, host := range []string{"telemetry.example.com", "telemetry.example.com:80", "example.com"} {
		t.Run(host, func(t *testing.T) {
			r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
			status, _, _ := do(t, proxied(t, r), newRequest(t, "http://"+host+"/v1/traces", nil))
			equal(t, "status", status, 502)
			equal(t, "asked", r.Asked(), []string{host})
			equal(t, "refused", r.Refused(), []string{host})
			equal(t, "requests", len(r.Requests()), 0)
		})
	}
}

// Even a server within reach is not dialled.
func TestProxyDialsNothing(t *testing.T) {
	reachable := start(t, receiver.Options{Plain: true})
	target := strings.TrimSuffix(strings.TrimPrefix(reachable.Endpoint(), "http://"), "/v1/traces")
	for _, scheme := range []string{"http://", "https://"} {
		t.Run(scheme, func(t *testing.T) {
			r := start(t, receiver.Options{})
			resp, err := proxied(t, r).Get(scheme + target)
			if err == nil {
				must(t, resp.Body.Close())
				equal(t, "status", resp.StatusCode, 502)
			}
			equal(t, "refused", r.Refused(), []string{target})
		})
	}
	equal(t, "requests that got through", len(reachable.Requests()), 0)
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
		t.Skip("no device here that refuses writes: ", err)
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

func TestOTLPJSONValues(t *testing.T) {
	tests := []struct {
		name  string
		value *commonpb.AnyValue
		want  string
	}{
		{"string", text("a<b\n"), `{"stringValue":"a<b\n"}`},
		{"empty string", text(""), `{"stringValue":""}`},
		{"a string like an id", text("AQID"), `{"stringValue":"AQID"}`},
		{"true", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}, `{"boolValue":true}`},
		{"false", &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{}}, `{"boolValue":false}`},
		{"int", integer(-5), `{"intValue":"-5"}`},
		{"int 0", integer(0), `{"intValue":"0"}`},
		{"largest int", integer(math.MaxInt64), `{"intValue":"9223372036854775807"}`},
		{"smallest int", integer(math.MinInt64), `{"intValue":"-9223372036854775808"}`},
		{"double", double(0.1), `{"doubleValue":0.1}`},
		{"large double", double(1.5e300), `{"doubleValue":1.5e+300}`},
		{"NaN", double(math.NaN()), `{"doubleValue":"NaN"}`},
		{"infinity", double(math.Inf(1)), `{"doubleValue":"Infinity"}`},
		{"negative infinity", double(math.Inf(-1)), `{"doubleValue":"-Infinity"}`},
		{"no value", &commonpb.AnyValue{}, `{}`},
		{"bytes stay base64", &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{1, 2, 255}}}, `{"bytesValue":"AQL/"}`},
		{"array", array(text("a"), integer(1), &commonpb.AnyValue{}, array()),
			`{"arrayValue":{"values":[{"stringValue":"a"},{"intValue":"1"},{},{"arrayValue":{}}]}}`},
		{"list with the name of an id", keyValues(&commonpb.KeyValue{Key: "traceId", Value: text("AQID")}),
			`{"kvlistValue":{"values":[{"key":"traceId","value":{"stringValue":"AQID"}}]}}`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			req := traces("x")
			span := req.ResourceSpans[0].ScopeSpans[0].Spans[0]
			span.Attributes = []*commonpb.KeyValue{{Key: "k", Value: tc.value}}
			var got struct {
				ResourceSpans []struct {
					ScopeSpans []struct {
						Spans []struct {
							Attributes []struct {
								Key   string
								Value json.RawMessage
							}
						}
					}
				}
			}
			must(t, json.Unmarshal([]byte(otlpJSON(t, req)), &got))
			attribute := got.ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes[0]
			equal(t, "key", attribute.Key, "k")
			equal(t, "value", compact(t, attribute.Value), compact(t, []byte(tc.want)))
		})
	}
}

func TestOTLPJSONSpan(t *testing.T) {
	id := []byte{0xfb, 0xff, 3, 4, 5, 6, 7, 8}
	trace := slices.Concat(id, []byte{9, 10, 11, 12, 13, 14, 15, 0xab})
	span := &tracepb.Span{
		TraceId: trace, SpanId: id, ParentSpanId: []byte{1, 2, 3, 4, 5, 6, 7, 8},
		Name: "run", Kind: tracepb.Span_SPAN_KIND_CLIENT, Flags: 257,
		StartTimeUnixNano: 1700000000123456789, EndTimeUnixNano: math.MaxUint64,
		DroppedAttributesCount: 3,
		Events: []*tracepb.Span_Event{{
			TimeUnixNano: 1700000000123456790, Name: "exception",
			Attributes: []*commonpb.KeyValue{{Key: "exception.type", Value: text("E")}},
		}},
		Links:  []*tracepb.Span_Link{{TraceId: trace, SpanId: id}},
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "failed"},
	}
	req := traces("replaced")
	req.ResourceSpans[0].ScopeSpans[0].Spans[0] = span
	want := `{"resourceSpans":[{
		"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"tool"}}]},
		"scopeSpans":[{
			"scope":{"name":"scope","version":"1"},
			"spans":[{
				"traceId":"fbff030405060708090a0b0c0d0e0fab","spanId":"fbff030405060708","parentSpanId":"0102030405060708",
				"name":"run","kind":3,"flags":257,
				"startTimeUnixNano":"1700000000123456789","endTimeUnixNano":"18446744073709551615",
				"droppedAttributesCount":3,
				"events":[{"timeUnixNano":"1700000000123456790","name":"exception",
					"attributes":[{"key":"exception.type","value":{"stringValue":"E"}}]}],
				"links":[{"traceId":"fbff030405060708090a0b0c0d0e0fab","spanId":"fbff030405060708"}],
				"status":{"code":2,"message":"failed"}}]}],
		"schemaUrl":"https://example.com/schema"}]}`
	equal(t, "JSON", otlpJSON(t, req), compact(t, []byte(want)))
}

// Helpers.

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
