// SPDX-License-Identifier: MIT

// Package purego_test is a host in Go that loads the built library as any
// other host does: by dlopen, through purego. That there are two Go runtimes
// in the process is part of the test.
package purego_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

const (
	root          = "../.."
	panicVariable = "TEST_OF_PANICS"
)

// The codes of include/runspan.h that this host looks at.
const (
	done      = 0
	off       = 20
	eArgument = -1
	eHandle   = -2
	eName     = -5
	eType     = -6
	eValue    = -7
	eTooLate  = -9
	eInternal = -11

	statusOK = 1
)

// options is runspan_options.
type options struct {
	size    uintptr
	service *byte
	schema  *byte
	log     uintptr
	logData uintptr
	core    *byte
	_       uint32 // flags
	_       uint32
}

// The ABI. purego gives a string a NUL at its end, and "" is not NULL.
var (
	open              func(*options, *uint64) int32
	setResourceString func(uint64, string, string) int32
	setResourceInt    func(uint64, string, int64) int32
	setResourceDouble func(uint64, string, float64) int32
	setResourceBool   func(uint64, string, int32) int32
	begin             func(uint64, string, *uint64) int32
	setName           func(uint64, string) int32
	setAttrString     func(uint64, string, string) int32
	setAttrInt        func(uint64, string, int64) int32
	setAttrDouble     func(uint64, string, float64) int32
	setAttrBool       func(uint64, string, int32) int32
	setAttrStrings    func(uint64, string, **byte, uintptr) int32
	setAttrNull       func(uint64, string) int32
	setAttrs          func(uint64, string, uintptr) int32
	setError          func(uint64, string) int32
	end               func(uint64, int32) int32
	flush             func(uint64, uint32) int32
	closeClient       func(uint64, uint32) int32
	state             func(uint64) int32
	strerror          func(int32) string
	version           func() string

	// The same function, for a NULL.
	beginNull         func(uint64, *byte, *uint64) int32
	setAttrStringNull func(uint64, *byte, *byte) int32
)

func TestMain(m *testing.M) {
	path, err := filepath.Abs(root + "/build/lib/librunspan.so")
	if err != nil {
		panic(err)
	}
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		fmt.Fprintln(os.Stderr, "run ./build.sh build first:", err)
		os.Exit(1)
	}
	for name, function := range map[string]any{
		"open": &open, "set_resource_string": &setResourceString, "set_resource_int": &setResourceInt,
		"set_resource_double": &setResourceDouble, "set_resource_bool": &setResourceBool, "begin": &begin,
		"set_name": &setName, "set_attr_string": &setAttrString, "set_attr_int": &setAttrInt,
		"set_attr_double": &setAttrDouble, "set_attr_bool": &setAttrBool, "set_attr_strings": &setAttrStrings,
		"set_attr_null": &setAttrNull, "set_attrs": &setAttrs, "set_error": &setError, "end": &end, "flush": &flush, "close": &closeClient,
		"state": &state, "strerror": &strerror, "version": &version,
	} {
		purego.RegisterLibFunc(function, library, "runspan_"+name)
	}
	purego.RegisterLibFunc(&beginNull, library, "runspan_begin")
	purego.RegisterLibFunc(&setAttrStringNull, library, "runspan_set_attr_string")
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); host.IsAmbient(name) {
			os.Unsetenv(name)
		}
	}
	for _, variable := range host.Way() {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
	}
	os.Setenv("RUNSPAN_ENDPOINT", "http://127.0.0.1:9/") // where a test has no receiver, it sends to nobody
	state, err := os.MkdirTemp("", "runspan-purego-")
	if err != nil {
		panic(err)
	}
	os.Setenv("XDG_STATE_HOME", state)
	code := m.Run()
	os.RemoveAll(state)
	os.Exit(code)
}

// log takes the library's log lines.
type log struct {
	mu    sync.Mutex
	lines []string
}

var (
	logs       sync.Map // options.logData → *log
	logCounter uintptr
	logFunc    = purego.NewCallback(func(data uintptr, level int32, line *byte) {
		l, _ := logs.Load(data)
		l.(*log).mu.Lock()
		defer l.(*log).mu.Unlock()
		l.(*log).lines = append(l.(*log).lines, fmt.Sprint(level, " ", text(line)))
	})
)

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func text(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}

func cString(s string) *byte {
	b := append([]byte(s), 0)
	return &b[0]
}

func stripepy(t *testing.T) string {
	t.Helper()
	schema, err := os.ReadFile(root + "/schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(schema)
}

func tryOpen(t *testing.T, service, schema, core string) (client uint64, code int32, l *log) {
	t.Helper()
	l = &log{}
	logCounter++
	logs.Store(logCounter, l)
	o := &options{service: cString(service), schema: cString(schema), log: logFunc, logData: logCounter}
	o.size = unsafe.Sizeof(*o)
	if core != "" {
		o.core = cString(core)
	}
	code = open(o, &client)
	runtime.KeepAlive(o)
	return client, code, l
}

func mustOpen(t *testing.T, service, schema string) (uint64, *log) {
	t.Helper()
	client, code, l := tryOpen(t, service, schema, "")
	if code != done || client == 0 {
		t.Fatalf("open: %s\n%s", strerror(code), l)
	}
	return client, l
}

func mustBegin(t *testing.T, client uint64, name string) (span uint64) {
	t.Helper()
	if code := begin(client, name, &span); code != done || span == 0 {
		t.Fatalf("begin %s: %s", name, strerror(code))
	}
	return span
}

func listen(t *testing.T, o receiver.Options) *receiver.Receiver {
	t.Helper()
	r, err := receiver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	t.Setenv("RUNSPAN_ENDPOINT", r.Endpoint()) // purego's host and its C library share the environment under cgo
	if o.Dir != "" {
		t.Setenv("SSL_CERT_FILE", r.CAFile())
		for _, other := range []string{"SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
			t.Setenv(other, "")
		}
	}
	return r
}

type expectation struct {
	what      string
	got, want int32
}

func expect(t *testing.T, all []expectation) {
	t.Helper()
	for _, e := range all {
		if e.got != e.want {
			t.Errorf("%s: got %d (%s), want %d", e.what, e.got, strerror(e.got), e.want)
		}
	}
}

func TestEveryFunction(t *testing.T) {
	r := listen(t, receiver.Options{Dir: t.TempDir()})
	client, _ := mustOpen(t, "stripepy", stripepy(t))
	var none uint64 = 7
	columns := []*byte{cString("chrom1"), cString("q1")}
	expect(t, []expectation{
		{"state", state(client), done},
		{"resource", setResourceString(client, "service.version", "1.3.0"), done},
		{"resource: wrong type", setResourceInt(client, "service.version", 1), eType},
		{"resource: wrong type", setResourceDouble(client, "service.version", 1), eType},
		{"resource: wrong type", setResourceBool(client, "service.version", 1), eType},
		{"begin: not named", begin(client, "rm", &none), eName},
		{"begin: NULL", beginNull(client, nil, &none), eArgument},
	})
	if none != 0 {
		t.Errorf("a span that did not begin is %d", none)
	}
	span := mustBegin(t, client, "plot")
	expect(t, []expectation{
		{"resource: too late", setResourceString(client, "service.version", "1.3.1"), eTooLate},
		{"name", setName(span, "view"), done},
		{"double", setAttrDouble(span, "params.relative_change_threshold", 2.5), done},
		{"int", setAttrInt(span, "params.result_file_format_version", 3), done},
		{"int: out of range", setAttrInt(span, "params.result_file_format_version", -3), eValue},
		{"string", setAttrString(span, "params.result_file_format_version", "unknown"), done},
		{"string: NULL", setAttrStringNull(span, cString("params.columns"), nil), eArgument},
		{"strings", setAttrStrings(span, "params.columns", &columns[0], 2), done},
		{"null", setAttrNull(span, "params.coefficient_of_variation_threshold"), done},
		{"bool: another span's", setAttrBool(span, "params.low_memory", 1), eName},
		{"bool: wrong type", setAttrBool(span, "params.columns", 1), eType},
		{"list", setAttrs(span, "params.relative_change_threshold\x00d2.5", 38), done},
		{"error", setError(span, "mymodule.SecretError"), done},
		{"end: no such status", end(span, 3), eArgument},
		{"end", end(span, statusOK), done},
		{"end again", end(span, statusOK), eHandle},
		{"set after end", setAttrInt(span, "params.k", 1), eHandle},
		{"flush", flush(client, 30000), done},
		{"close", closeClient(client, 30000), done},
	})
	handles(t, client, span, eHandle)

	spans, err := r.WaitSpans(1, 10*time.Second)
	if err != nil || len(spans) != 1 {
		t.Fatalf("%d spans: %v", len(spans), err)
	}
	got := make(map[string]string)
	for _, a := range spans[0].Span.Attributes {
		got[a.Key] = strings.ReplaceAll(a.Value.String(), "  ", " ")
	}
	want := map[string]string{
		"params.relative_change_threshold":          `double_value:2.5`,
		"params.result_file_format_version":         `string_value:"unknown"`,
		"params.columns":                            `array_value:{values:{string_value:"chrom1"} values:{string_value:"q1"}}`,
		"params.coefficient_of_variation_threshold": ``,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || spans[0].Span.Name != "view" {
		t.Errorf("%s: got %v, want %v", spans[0].Span.Name, got, want)
	}
	if events := fmt.Sprint(spans[0].Span.Events); !strings.Contains(events, `"other"`) || strings.Contains(events, "Secret") {
		t.Errorf("events %s", events)
	}
}

// handles gives every function handles that mean nothing.
func handles(t *testing.T, client, span uint64, want int32) {
	t.Helper()
	var begun uint64
	column := cString("chrom1")
	expect(t, []expectation{
		{"set_resource_string", setResourceString(client, "os.type", "linux"), want},
		{"set_resource_int", setResourceInt(client, "os.type", 1), want},
		{"set_resource_double", setResourceDouble(client, "os.type", 1), want},
		{"set_resource_bool", setResourceBool(client, "os.type", 1), want},
		{"begin", begin(client, "call", &begun), want},
		{"set_name", setName(span, "call"), want},
		{"set_attr_string", setAttrString(span, "params.contact_map_format", "hic"), want},
		{"set_attr_int", setAttrInt(span, "params.k", 1), want},
		{"set_attr_double", setAttrDouble(span, "params.glob_pers_min", 1), want},
		{"set_attr_bool", setAttrBool(span, "params.low_memory", 1), want},
		{"set_attr_strings", setAttrStrings(span, "params.columns", &column, 1), want},
		{"set_attr_null", setAttrNull(span, "params.k"), want},
		{"set_attrs", setAttrs(span, "params.k\x00i1", 12), want},
		{"set_error", setError(span, "ValueError"), want},
		{"end", end(span, statusOK), want},
		{"flush", flush(client, 10000), want},
		{"close", closeClient(client, 10000), want},
	})
}

func TestHandlesFromNowhere(t *testing.T) {
	handles(t, 0, 0, off)
	client, _ := mustOpen(t, "stripepy", stripepy(t))
	defer closeClient(client, 0)
	span := mustBegin(t, client, "call")
	for _, handle := range []uint64{1, 0xffffffffffffffff, client + 1<<20, span + 1<<20} {
		handles(t, handle, handle, eHandle)
	}
	handles(t, span, client, eHandle) // each taken for the other
}

// Two libraries in one process that both use runspan.
func TestClientsDoNotSeeEachOther(t *testing.T) {
	r := listen(t, receiver.Options{Plain: true})
	other := strings.NewReplacer(`"stripepy"`, `"hictk"`, `"call": "stripepy call was run."`, `"zoomify": "It was run.", "call": "c"`).Replace(stripepy(t))
	a, logA := mustOpen(t, "stripepy", stripepy(t))
	b, logB := mustOpen(t, "hictk", other)
	setResourceString(a, "service.version", "1.3.0")
	setResourceString(b, "service.version", "2.1.0")
	spanA := mustBegin(t, a, "call")
	spanB := mustBegin(t, b, "zoomify")
	var none uint64
	expect(t, []expectation{
		{"another's span name", begin(a, "zoomify", &none), eName},
		{"end", end(spanA, statusOK), done},
		{"close one", closeClient(a, 30000), done},
		{"the other's span", setName(spanB, "view"), done},
		{"the other's end", end(spanB, statusOK), done},
		{"close the other", closeClient(b, 30000), done},
	})
	services := make(map[string]string)
	spans, err := r.WaitSpans(2, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		for _, a := range s.Resource.Attributes {
			if a.Key == "service.name" || a.Key == "service.version" {
				services[s.Span.Name] += a.Value.GetStringValue() + s.Scope.Name + " "
			}
		}
	}
	if services["call"] != "stripepystripepy 1.3.0stripepy " || services["view"] != "hictkhictk 2.1.0hictk " {
		t.Errorf("got %v", services)
	}
	if logA.String()+logB.String() != "" {
		t.Errorf("logged %q and %q", logA, logB)
	}
}

func TestEightThreadsAtOnce(t *testing.T) {
	r := listen(t, receiver.Options{Dir: t.TempDir()})
	client, _ := mustOpen(t, "stripepy", stripepy(t))
	const threads, each = 8, 100
	var group sync.WaitGroup
	for range threads {
		group.Go(func() {
			runtime.LockOSThread()
			for i := range each {
				var span uint64
				begin(client, "call", &span)
				setAttrInt(span, "params.k", int64(i+1))
				setAttrString(span, "params.contact_map_format", "cool")
				if i%10 == 0 {
					flush(client, 1)
				}
				if code := end(span, statusOK); code != done {
					t.Error(strerror(code))
				}
			}
		})
	}
	group.Wait()
	if code := closeClient(client, 30000); code != done {
		t.Error(strerror(code))
	}
	ids := make(map[string]bool)
	for _, s := range r.Spans() {
		ids[string(s.Span.SpanId)] = true
	}
	if len(ids) != threads*each {
		t.Errorf("%d spans, want %d", len(ids), threads*each)
	}
}

func TestLogLinesComeDuringACall(t *testing.T) {
	r := listen(t, receiver.Options{Plain: true})
	r.Close() // the port is refused now
	client, l := mustOpen(t, "stripepy", stripepy(t))
	if code := end(mustBegin(t, client, "call"), statusOK); code != done {
		t.Fatal(strerror(code))
	}
	time.Sleep(200 * time.Millisecond) // the courier has failed by now, on a thread of its own
	if got := l.String(); got != "" {
		t.Errorf("logged outside a call: %q", got)
	}
	flush(client, 1000)
	if got := l.String(); !strings.Contains(got, "refused") {
		t.Errorf("logged %q", got)
	}
	closeClient(client, 0)
}

// A panic inside an export reaches the host as a code. The core of
// build/test/lib panics for a certain text.
func TestPanicsStopAtTheBorder(t *testing.T) {
	if os.Getenv(panicVariable) == "" { // a process has one core: this takes another
		again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		again.Env = append(os.Environ(), panicVariable+"=1")
		if out, err := again.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	listen(t, receiver.Options{Plain: true})
	const trigger = "runspan.test.panic"
	core, err := filepath.Abs(root + "/build/test/lib/librunspan-core.so")
	if err != nil {
		t.Fatal(err)
	}
	client, code, _ := tryOpen(t, "stripepy", stripepy(t), core)
	if code != done {
		t.Fatal(strerror(code))
	}
	span := mustBegin(t, client, "call")
	var none uint64
	column := cString(trigger)
	_, reopened, _ := tryOpen(t, trigger, stripepy(t), core)
	expect(t, []expectation{
		{"open", reopened, eInternal},
		{"set_resource_string", setResourceString(client, trigger, "x"), eInternal},
		{"set_resource_int", setResourceInt(client, trigger, 1), eInternal},
		{"set_resource_double", setResourceDouble(client, trigger, 1), eInternal},
		{"set_resource_bool", setResourceBool(client, trigger, 1), eInternal},
		{"begin", begin(client, trigger, &none), eInternal},
		{"set_name", setName(span, trigger), eInternal},
		{"set_attr_string", setAttrString(span, "params.contact_map_format", trigger), eInternal},
		{"set_attr_int", setAttrInt(span, trigger, 1), eInternal},
		{"set_attr_double", setAttrDouble(span, trigger, 1), eInternal},
		{"set_attr_bool", setAttrBool(span, trigger, 1), eInternal},
		{"set_attr_strings", setAttrStrings(span, trigger, &column, 1), eInternal},
		{"set_attr_null", setAttrNull(span, trigger), eInternal},
		{"set_attrs", setAttrs(span, trigger+"\x00i1", uintptr(len(trigger))+4), eInternal},
		{"set_error", setError(span, trigger), eInternal},
	})
	// And nothing is left locked.
	expect(t, []expectation{
		{"set", setAttrInt(span, "params.k", 3), done},
		{"end", end(span, statusOK), done},
		{"close", closeClient(client, 30000), done},
	})
}

func TestOpenSaysWhyItIsOff(t *testing.T) {
	for _, test := range []struct {
		variable string
		want     int32
	}{{"STRIPEPY_NO_TELEMETRY", 1}, {"NO_TELEMETRY", 2}, {"DO_NOT_TRACK", 3}, {"OTEL_SDK_DISABLED", 4}} {
		t.Run(test.variable, func(t *testing.T) {
			t.Setenv(test.variable, "true")
			client, code, _ := tryOpen(t, "stripepy", stripepy(t), "")
			if client != 0 || code != test.want || state(0) != test.want || !strings.Contains(strerror(code), "_") {
				t.Errorf("client %d, %d (%s)", client, code, strerror(code))
			}
		})
	}
	if _, code, _ := tryOpen(t, "stripepy", stripepy(t), ""); code != done {
		t.Errorf("with no variable set: %s", strerror(code))
	}
	if version() == "" || strerror(-1000) == "" {
		t.Error("no version, or no text")
	}
}
