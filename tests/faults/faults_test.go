// SPDX-License-Identifier: MIT

package faults_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var tablePath = flag.String("table", "", "write the table of TestFaults to this `file`")

// When a case's span arrives.
type arrival string

const (
	now     arrival = "at once"
	next    arrival = "with the next run"
	later   arrival = "with a later run, when the wait that the collector asked for is over"
	capped  arrival = "with a later run, after an hour: the collector asked for longer"
	refused arrival = "never: the collector refused it for good"
)

// fault is a case: what environment leads a host into it.
type fault struct {
	name    string
	arrives arrival
	// prepare returns the environment, and the receiver that the span may come
	// to; none where it can't.
	prepare func(t *testing.T) (env []string, right *receiver.Receiver)
	// resolver, an address, is the only name server that the host has.
	resolver func(t *testing.T) string
}

// answer is a case of a collector that is up and answers every request so.
func answer(name string, arrives arrival, status int, header ...string) fault {
	return fault{name: name, arrives: arrives, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
		r := listen(t, receiver.Options{Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			return true
		}})
		return to(r), r
	}}
}

// raw is a case of a listener that does this with each connection.
func raw(name, scheme string, serve func(net.Conn)) fault {
	return fault{name: name, arrives: next, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
		return []string{"RUNSPAN_ENDPOINT=" + scheme + "://" + host.Listen(t, serve) + "/v1/traces"}, nil
	}}
}

// certificate is a case of a TLS server with a certificate that makes.
func certificate(name string, trusted bool, make func(*receiver.CA) (tls.Certificate, error)) fault {
	return fault{name: name, arrives: next, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
		ca, err := receiver.NewCA()
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := make(ca)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{leaf}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go http.Serve(l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("it trusts the certificate")
		}))
		env := []string{"RUNSPAN_ENDPOINT=https://" + l.Addr().String() + "/v1/traces"}
		if trusted {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(file, ca.PEM(), 0o600); err != nil {
				t.Fatal(err)
			}
			env = append(env, "SSL_CERT_FILE="+file)
		}
		return env, nil
	}}
}

// proxied is a case of a proxy, for the schema's own destination.
func proxied(name string, arrives arrival, proxyFor []string, up bool) fault {
	return fault{name: name, arrives: arrives, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
		r := listen(t, receiver.Options{ProxyFor: proxyFor})
		proxy := r.ProxyURL()
		if !up {
			proxy = "http://" + closedPort(t)
		}
		return []string{"HTTPS_PROXY=" + proxy, "SSL_CERT_FILE=" + r.CAFile()}, r
	}}
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fullBacklog listens and never accepts, and has its queue filled: the kernel
// answers no SYN any more. tcp(7), listen(2).
func fullBacklog(t *testing.T) ([]string, *receiver.Receiver) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 16 {
		c, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return []string{"RUNSPAN_ENDPOINT=http://" + address + "/v1/traces"}, nil
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("the queue does not become full")
	return nil, nil
}

var resolvers atomic.Int32 // so far

// resolver is a name server; with no answer where that is nil.
func resolver(answer func(query []byte) []byte) func(t *testing.T) string {
	return func(t *testing.T) string {
		address := fmt.Sprintf("127.0.0.%d", 100+resolvers.Add(1))
		server, err := net.ListenPacket("udp", address+":53")
		if err != nil {
			t.Fatalf("to be a name server, this test has to run as root: %v", err)
		}
		t.Cleanup(func() { server.Close() })
		go func() {
			packet := make([]byte, 512)
			for {
				n, from, err := server.ReadFrom(packet)
				if err != nil {
					return
				}
				if answer != nil {
					_, _ = server.WriteTo(answer(packet[:n]), from)
				}
			}
		}()
		return address
	}
}

// nameError is RFC 1035's answer that there is no such name.
func nameError(query []byte) []byte {
	reply := bytes.Clone(query)
	reply[2], reply[3] = 0x81, 0x83
	return reply
}

func unresolvable(t *testing.T) ([]string, *receiver.Receiver) {
	return []string{"RUNSPAN_ENDPOINT=https://collector.example/v1/traces"}, nil
}

// reset ends a connection with a RST.
func reset(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func readRequest(c net.Conn) {
	packet := make([]byte, 1<<16)
	_, _ = c.Read(packet)
}

func drip(c net.Conn) {
	defer c.Close()
	readRequest(c)
	for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") {
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(2 * time.Second)
	}
}

func swallow(c net.Conn) {
	_, _ = io.Copy(io.Discard, c)
	c.Close()
}

func up(respond func(w http.ResponseWriter) bool) func(t *testing.T) ([]string, *receiver.Receiver) {
	return func(t *testing.T) ([]string, *receiver.Receiver) {
		r := listen(t, receiver.Options{Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool { return respond(w) }})
		return to(r), r
	}
}

func endless(w http.ResponseWriter) bool {
	w.WriteHeader(http.StatusOK)
	for {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return true
		}
	}
}

// talkative says more than it was asked, of which Go's HTTP client would print a
// part.
func talkative(w http.ResponseWriter) bool {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return false
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nlook here\n")
	time.Sleep(100 * time.Millisecond)
	_ = conn.Close()
	return true
}

// mebibyte is one, of zeros, compressed. Members of a gzip file add up.
var mebibyte = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	return b.Bytes()
})

func bomb(w http.ResponseWriter) bool {
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(bytes.Repeat(mebibyte(), 1<<10))
	return true
}

// partial is an ExportTraceServiceResponse with rejected_spans 1.
func partial(w http.ResponseWriter) bool {
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write([]byte{0x0a, 0x02, 0x08, 0x01})
	return true
}

func faults() []fault {
	// Further off than this test takes.
	date := time.Now().Add(50 * time.Minute).UTC().Format(http.TimeFormat)
	list := []fault{
		{name: "up", arrives: now, prepare: up(func(http.ResponseWriter) bool { return false })},
		{name: "up, and rejects the span in a partial success", arrives: now, prepare: up(partial)},
		{name: "connection refused", arrives: next, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
			return []string{"RUNSPAN_ENDPOINT=https://" + closedPort(t) + "/v1/traces"}, nil
		}},
		raw("accepts, never answers", "http", swallow),
		{name: "SYN never answered", arrives: next, prepare: fullBacklog},
		raw("TLS handshake stalls", "https", swallow),
		certificate("certificate for another name", true, func(ca *receiver.CA) (tls.Certificate, error) { return ca.Leaf("elsewhere.example") }),
		certificate("certificate has expired", true, func(ca *receiver.CA) (tls.Certificate, error) { return ca.ExpiredLeaf("127.0.0.1") }),
		certificate("certificate of an unknown authority", false, func(ca *receiver.CA) (tls.Certificate, error) { return ca.Leaf("127.0.0.1") }),
		raw("answers a byte every 2 s", "http", drip),
		raw("answers nonsense", "http", func(c net.Conn) {
			readRequest(c)
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			c.Close()
		}),
		raw("reset before the request", "http", reset),
		raw("reset in the middle of the request", "http", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 40))
			reset(c)
		}),
		raw("reset after the request", "http", func(c net.Conn) {
			readRequest(c)
			reset(c)
		}),
		{name: "endless response", arrives: now, prepare: up(endless)},
		{name: "gzip bomb in the response", arrives: now, prepare: up(bomb)},
		{name: "more words after the response", arrives: now, prepare: up(talkative)},
	}
	for _, status := range []int{400, 401, 404, 413, 500} {
		list = append(list, answer(fmt.Sprint(status), refused, status))
	}
	list = append(list, answer("503 with a Retry-After that has passed", next, 503, "Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)))
	for _, status := range []int{429, 502, 503} {
		list = append(list,
			answer(fmt.Sprint(status), next, status),
			answer(fmt.Sprintf("%d, Retry-After: 1", status), next, status, "Retry-After", "1"),
			answer(fmt.Sprintf("%d, Retry-After: 120", status), later, status, "Retry-After", "120"),
			answer(fmt.Sprintf("%d, Retry-After: a date", status), later, status, "Retry-After", date),
			answer(fmt.Sprintf("%d, Retry-After: nonsense", status), next, status, "Retry-After", "soon, perhaps"),
			answer(fmt.Sprintf("%d, Retry-After: 10^9", status), capped, status, "Retry-After", "1000000000"),
		)
	}
	return append(list,
		fault{name: "307 to elsewhere", arrives: refused, prepare: func(t *testing.T) ([]string, *receiver.Receiver) {
			elsewhere := listen(t, receiver.Options{Plain: true})
			t.Cleanup(func() {
				if n := len(elsewhere.Requests()); n > 0 {
					t.Errorf("%d requests went elsewhere", n)
				}
			})
			return answer("", refused, 307, "Location", elsewhere.Endpoint()).prepare(t)
		}},
		fault{name: "name does not resolve", arrives: next, prepare: unresolvable, resolver: resolver(nameError)},
		fault{name: "name server never answers", arrives: next, prepare: unresolvable, resolver: resolver(nil)},
		proxied("proxy up", now, []string{"stripepy-telemetry.paulsenlab.com"}, true),
		proxied("proxy down", next, nil, false),
		proxied("proxy refuses", next, nil, true),
	)
}

// TestFaults runs hosts into every fault, and then the runs that follow.
// No host may wait longer than its budget, and no span may be lost but one that
// was refused for good.
func TestFaults(t *testing.T) {
	tool := compileTool(t)
	hosts := []struct {
		name    string
		command []string
		waits   func(run) time.Duration // for runspan
	}{
		{"C", tool.command(1, 1, 0, "end", budget), run.sinceEnd},
		{"Python", []string{host.Python(t, "dev"), "-I", "-c", pythonTool, host.Schema}, run.sinceEnd},
		// Its own exit takes a second or two, and varies by more than there is to see.
		{"StripePy", []string{host.Python(t, "patched"), "-I", "-c", stripepy}, run.inClose},
	}
	table := "| collector |"
	rule := "| --- |"
	for _, h := range hosts {
		table += " " + h.name + " |"
		rule += " ---: |"
	}
	table += " the span arrives |\n" + rule + " --- |\n"
	// What a host's exit takes anyhow.
	control := make([]time.Duration, len(hosts))
	for i, h := range hosts {
		for range 3 {
			p, out := start(t, h.command, host.Environment(t, "", "NO_TELEMETRY=1"))
			control[i] = max(control[i], h.waits(finish(t, p, out)))
		}
	}
	for _, f := range faults() {
		line := "| " + f.name + " |"
		for i, h := range hosts {
			t.Run(f.name+"/"+h.name, func(t *testing.T) {
				if h.name == "StripePy" && *tablePath == "" {
					t.Parallel() // most of its time is spent before and after the wait that is measured
				}
				took := try(t, func() time.Duration { return h.waits(once(t, f, h.command, tool)) - control[i] })
				line += fmt.Sprintf(" %d ms |", max(took, 0).Milliseconds())
			})
		}
		table += line + " " + string(f.arrives) + " |\n"
	}
	if *tablePath != "" && !t.Failed() {
		if err := host.WriteTable(*tablePath, "faults", table); err != nil {
			t.Error(err)
		}
	}
}

// try measures up to three times until the budget is kept to, because the
// machine may be busy; what happens to the span is looked at each time.
func try(t *testing.T, measure func() time.Duration) (took time.Duration) {
	for range 3 {
		if took = measure(); took <= budget+margin || t.Failed() {
			return took
		}
	}
	t.Errorf("the host waits for %v", took)
	return took
}

// once runs a host into a fault, and then the runs that follow.
func once(t *testing.T, f fault, command []string, tool tool) run {
	state := t.TempDir()
	env, right := f.prepare(t)
	if f.resolver != nil {
		command = withResolver(t, f.resolver(t), command)
	}
	p, out := start(t, command, host.Environment(t, state, env...))
	r := finish(t, p, out)
	if r.said["ended"].IsZero() {
		t.Fatalf("it said %s", asJSON(r.code))
	}
	host.AwaitCores(t) // which try again, and hold the batch, for a while
	arrived := 0
	if right != nil {
		arrived = len(right.Spans())
	}
	files := host.Waiting(t, state)
	wantFiles := map[arrival]int{now: 0, refused: 0, next: 1, later: 1, capped: 1}[f.arrives]
	if files != wantFiles {
		t.Errorf("%d files are left in the spool, want %d", files, wantFiles)
	}
	if f.arrives == now && arrived != 1 {
		t.Errorf("%d spans arrived", arrived)
	}
	// The collector is well again.
	well := listen(t, receiver.Options{})
	env = host.Environment(t, state, to(well)...)
	if f.arrives == later || f.arrives == capped {
		p, out := start(t, tool.command(0, 0, 0, "end", budget), env)
		finish(t, p, out)
		if n := len(well.Spans()); n != 0 || host.Waiting(t, state) != 1 {
			t.Errorf("it did not wait: %d spans", n)
		}
		pause := filepath.Join(host.Spool(state), "pause") // of which the last is its length in milliseconds
		text, err := os.ReadFile(pause)
		if err != nil || f.arrives == capped && !strings.HasSuffix(string(text), " 3600000\n") {
			t.Errorf("the pause is %q, %v", text, err)
		}
		// The wait is over.
		if err := os.Remove(pause); err != nil {
			t.Error(err)
		}
	}
	// Between its end and its close a host on a busy machine may fail several times.
	tool.deliver(t, state, env, time.Minute)
	spans := well.Spans()
	if want := wantFiles; len(spans) != want {
		t.Errorf("%d spans arrived with the next run, want %d", len(spans), want)
	}
	for _, s := range spans {
		if _, aborted := mark(s.Span); aborted || s.Status.GetCode() != 1 {
			t.Errorf("it arrived as %v", s.Span)
		}
	}
	return r
}

// withResolver has a command run where /etc/resolv.conf names the server alone.
func withResolver(t *testing.T, server string, command []string) []string {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+server+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	script := `mount --bind "$0" /etc/resolv.conf && exec "$@"`
	return append([]string{"unshare", "-m", "sh", "-c", script, file}, command...)
}

// The table in the docs is of these cases.
func TestTableInDocs(t *testing.T) {
	lines, err := host.Table("delivery.md", "faults")
	if err != nil {
		t.Fatal(err)
	}
	cases := faults()
	if len(lines) != len(cases)+2 {
		t.Fatalf("run ./build.sh docs: the table has %d lines, for %d cases", len(lines), len(cases))
	}
	for i, f := range cases {
		if !strings.HasPrefix(lines[i+2], "| "+f.name+" |") || !strings.HasSuffix(lines[i+2], " | "+string(f.arrives)+" |") {
			t.Errorf("run ./build.sh docs: %s", lines[i+2])
		}
	}
}
