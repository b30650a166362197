// SPDX-License-Identifier: MIT

package gateextension

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"
)

// report is what a host sends that sends much at once: 512 spans.
func report(t testing.TB) []byte {
	t.Helper()
	all := ptrace.NewTraces()
	rs := all.ResourceSpans().AppendEmpty()
	for i := range 20 {
		rs.Resource().Attributes().PutStr(fmt.Sprint("dependency.", i), "1.2.3")
	}
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for range 512 {
		s := spans.AppendEmpty()
		s.SetName("call")
		for i := range 20 {
			s.Attributes().PutStr(fmt.Sprint("params.", i), "value")
		}
	}
	marshaler := ptrace.ProtoMarshaler{}
	encoded, err := marshaler.MarshalTraces(all)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func newGate(next http.HandlerFunc) (*gate, *atomic.Int64) {
	refused := new(atomic.Int64)
	return &gate{
		next: next, clients: newClients(100), size: 8 << 20, messages: 65536, memory: 4 << 20,
		slots: make(chan struct{}, 2), refused: func(int) { refused.Add(1) },
	}, refused
}

func post(body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", contentType)
	return r
}

func TestStatus(t *testing.T) {
	large := report(t)
	zipped := func(content []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	encoding := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Content-Encoding"] = values }
	}
	body := func(from io.Reader) func(*http.Request) {
		return func(r *http.Request) { r.Body = io.NopCloser(from) }
	}
	for name, test := range map[string]struct {
		change func(r *http.Request)
		body   []byte
		limit  int64 // for a body
		status int
	}{
		"a report":      {nil, large, 1 << 20, 200},
		"nothing":       {nil, nil, 1 << 20, 200},
		"another path":  {func(r *http.Request) { r.URL.Path = "/v1/logs" }, nil, 1 << 20, 404},
		"a method":      {func(r *http.Request) { r.Method = http.MethodGet }, nil, 1 << 20, 405},
		"JSON":          {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, nil, 1 << 20, 415},
		"no type":       {func(r *http.Request) { r.Header.Del("Content-Type") }, nil, 1 << 20, 415},
		"with charset":  {func(r *http.Request) { r.Header.Set("Content-Type", contentType+"; charset=x") }, large, 1 << 20, 200},
		"too large":     {nil, large, 1000, 413},
		"no protobuf":   {nil, []byte("\xff\xff alice"), 1 << 20, 400},
		"cut short":     {nil, large[:1000], 1 << 20, 400},
		"cut by sender": {body(iotest.ErrReader(errors.New("gone"))), nil, 1 << 20, 400},
		"too slow":      {body(iotest.ErrReader(fmt.Errorf("read: %w", os.ErrDeadlineExceeded))), nil, 1 << 20, 503},
		"zipped":        {encoding("gzip"), zipped(large), 1 << 20, 200},
		"as it is":      {encoding("identity"), large, 1 << 20, 200},
		"zstd":          {encoding("zstd"), large, 1 << 20, 415},
		"twice zipped":  {encoding("gzip, gzip"), zipped(zipped(large)), 1 << 20, 415},
		"not zipped":    {encoding("gzip"), large, 1 << 20, 400},
		"half zipped":   {encoding("gzip"), zipped(large)[:100], 1 << 20, 400},
		"a zip bomb":    {encoding("gzip"), zipped(make([]byte, 2<<20)), 1 << 20, 413},
		"memory":        {nil, make([]byte, 5<<20), 8 << 20, 503},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			g, refused := newGate(func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) })
			w, r := httptest.NewRecorder(), post(bytes.NewReader(test.body))
			if test.change != nil {
				test.change(r)
			}
			g.size = test.limit
			g.ServeHTTP(w, r)
			if w.Code != test.status || (test.status == 200) != (refused.Load() == 0) {
				t.Errorf("status %d, want %d; refused %d", w.Code, test.status, refused.Load())
			}
			want := test.body
			if name == "zipped" {
				want = large
			}
			if test.status == 200 && !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %d went on", len(got), len(want))
			}
			if (test.status == 503) != (w.Header().Get("Retry-After") != "") {
				t.Error("Retry-After:", w.Header().Get("Retry-After"))
			}
			if g.inUse.Load() != 0 || len(g.slots) != 0 {
				t.Errorf("%d bytes and %d slots are still in use", g.inUse.Load(), len(g.slots))
			}
		})
	}
}

// field is a protobuf field that has a length.
func field(number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), content)
}

func TestBounded(t *testing.T) {
	within := func(content []byte, path ...protowire.Number) []byte {
		for i := len(path) - 1; i >= 0; i-- {
			content = field(path[i], content)
		}
		return content
	}
	many := func(number protowire.Number) []byte { return bytes.Repeat(field(number, nil), 400) }
	nested := func(depth int, list, item protowire.Number) (content []byte) {
		for range depth {
			content = field(list, field(item, content))
		}
		return content
	}
	for name, test := range map[string]struct {
		encoded []byte
		ok      bool
	}{
		"resources":          {many(1), false},
		"scopes":             {within(many(2), 1), false},
		"spans":              {within(many(2), 1, 2), false},
		"attributes":         {within(many(9), 1, 2, 2), false},
		"events":             {within(many(11), 1, 2, 2), false},
		"an event's":         {within(many(3), 1, 2, 2, 11), false},
		"links":              {within(many(13), 1, 2, 2), false},
		"a link's":           {within(many(4), 1, 2, 2, 13), false},
		"a scope's":          {within(many(3), 1, 2, 1), false},
		"a resource's":       {within(many(1), 1, 1), false},
		"entities":           {within(many(3), 1, 1), false},
		"an entity's":        {within(bytes.Repeat(field(3, nil), 4000), 1, 1, 3), false},
		"a list's":           {within(many(1), 1, 1, 1, 2, 5), false},
		"a map's":            {within(many(1), 1, 1, 1, 2, 6), false},
		"a status's message": {within(make([]byte, 4<<20), 1, 2, 2, 15, 2), false},
		"fields of no one":   {within(many(14), 1, 2, 2), false},
		"an old one's spans": {within(many(2), 1, 1000), false},
		"a map's in a list":  {within(many(1), 1, 1, 1, 2, 5, 1, 6), false},
		"a list in lists":    {within(nested(10000, 5, 1), 1, 1, 1, 2), false},
		"a map in maps":      {within(nested(10000, 6, 1), 1, 1, 1, 2), false},
		"a long text":        {within(make([]byte, 5000), 1, 2, 2, 5), false},
		"what is usual":      {within(bytes.Repeat(field(9, nil), 100), 1, 2, 2), true},
		"nothing":            {nil, true},
	} {
		if got := bounded(test.encoded, 300); got != test.ok {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !bounded(report(t), 65536) {
		t.Error("a report of 512 spans is not")
	}
}

// A request that passes needs memory in proportion to the limits.
func FuzzBounded(f *testing.F) {
	f.Add(field(1, field(2, field(2, field(9, field(2, field(5, field(1, nil))))))))
	f.Add(field(1, field(1000, field(2, field(9, field(2, field(6, bytes.Repeat(field(1, nil), 300))))))))
	f.Add(report(f)[:4000])
	f.Fuzz(func(t *testing.T, encoded []byte) {
		const limit = 200
		if !bounded(encoded, limit) {
			return
		}
		unmarshaler := ptrace.ProtoUnmarshaler{}
		all, err := unmarshaler.UnmarshalTraces(encoded)
		if err != nil {
			return
		}
		if n := pieces(all); n > limit {
			t.Errorf("%d pieces", n)
		}
	})
}

// pieces counts what a request was decoded to.
func pieces(all ptrace.Traces) (n int) {
	var value func(v pcommon.Value)
	attributes := func(m pcommon.Map) {
		for _, v := range m.All() {
			n++
			value(v)
		}
	}
	value = func(v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeSlice:
			for _, item := range v.Slice().All() {
				n++
				value(item)
			}
		case pcommon.ValueTypeMap:
			attributes(v.Map())
		}
	}
	for _, rs := range all.ResourceSpans().All() {
		n++
		attributes(rs.Resource().Attributes())
		for _, ss := range rs.ScopeSpans().All() {
			n++
			attributes(ss.Scope().Attributes())
			for _, s := range ss.Spans().All() {
				n += 1 + s.Links().Len() + s.Events().Len()
				attributes(s.Attributes())
			}
		}
	}
	return n
}

func TestClients(t *testing.T) {
	c := newClients(3)
	now := time.Unix(1, 0)
	c.now = func() time.Time { return now }
	admitted := func(addresses ...string) (n int) {
		for range 5 {
			for _, address := range addresses {
				if c.admit(address) {
					n++
				}
			}
		}
		return n
	}
	for name, test := range map[string]struct {
		addresses []string
		admitted  int
	}{
		"one":                        {[]string{"192.0.2.1:1", "192.0.2.1:2", "[::ffff:192.0.2.1]:3"}, 3},
		"a network's IPv6 addresses": {[]string{"[2001:db8:0:1::1]:1", "[2001:db8:0:1:ffff::2]:2"}, 3},
		"two":                        {[]string{"192.0.2.2:1", "[2001:db8::1]:1"}, 6},
		"who is not known":           {[]string{"", "alice"}, 3},
	} {
		now = now.Add(window)
		if got := admitted(test.addresses...); got != test.admitted {
			t.Errorf("%s: %d", name, got)
		}
		if got := admitted(test.addresses...); got != 0 {
			t.Errorf("%s, again: %d", name, got)
		}
	}
	if newClients(0).admit("192.0.2.1:1") != true {
		t.Error("no limit is a limit")
	}
}

// No more are decoded at once than there are slots; the others wait.
func TestSlots(t *testing.T) {
	var now, most atomic.Int64
	g, _ := newGate(func(http.ResponseWriter, *http.Request) {
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		time.Sleep(5 * time.Millisecond)
		now.Add(-1)
	})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { g.ServeHTTP(httptest.NewRecorder(), post(nil)) })
	}
	all.Wait()
	if most.Load() != 2 {
		t.Errorf("%d at once", most.Load())
	}
	g.slots <- struct{}{}
	g.slots <- struct{}{}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	w := httptest.NewRecorder()
	g.ServeHTTP(w, post(nil).WithContext(gone))
	if w.Code != http.StatusServiceUnavailable || g.inUse.Load() != 0 {
		t.Errorf("status %d for who has gone; %d bytes in use", w.Code, g.inUse.Load())
	}
}

func TestNoAddress(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"http: TLS handshake error from 192.0.2.1:4711: EOF",
		"http: panic serving [2001:db8::1]:80: boom",
		"from [fe80::1%eth0]:4711 and ::1, version 1.2.3",
		"[1.5] 12:30:45 spans-2026-11-24T12-30-45.123.json",
	} {
		if _, err := (noAddress{write}).Write([]byte(line + "\n")); err != nil {
			t.Error(err)
		}
	}
	write.Close()
	got, err := io.ReadAll(read)
	want := strings.Join([]string{
		"http: TLS handshake error from (address): EOF",
		"http: panic serving (address): boom",
		"from (address) and ::1, version 1.2.3",
		"[1.5] 12:30:45 spans-2026-11-24T12-30-45.123.json\n",
	}, "\n")
	if err != nil || string(got) != want {
		t.Errorf("%v: %s", err, got)
	}
}

func TestExtension(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	settings := extensiontest.NewNopSettings(NewFactory().Type())
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	config := NewFactory().CreateDefaultConfig().(*Config)
	if err := config.Validate(); err != nil {
		t.Error(err)
	}
	if (&Config{}).Validate() == nil {
		t.Error("nothing is valid")
	}
	e, err := NewFactory().Create(context.Background(), settings, config)
	if err != nil {
		t.Fatal(err)
	}
	wrap, err := e.(*middleware).GetHTTPHandler(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	handler, err := wrap(context.Background(), http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("status %d", w.Code)
	}
	if _, err := telemetry.GetMetric("runspan_gate_refused"); err != nil {
		t.Error(err)
	}
}
