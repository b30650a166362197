// SPDX-License-Identifier: MIT

package porting_test

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"runspan/internal/show"
	"runspan/tests/host"
	"runspan/tests/receiver"
)

// inputs are the files of the tests' programs.
var inputs = map[string]string{
	"chrom.sizes":    "chr1\t1000\nchr2\t500\n",
	"other.sizes":    "chrX\t100\n",
	"contacts.pairs": "#columns: chrom1 pos1 chrom2 pos2\nchr1 1 chr1 250\nchr2 5 chr1 1000\nchr1 3 chr1 201\n",
	"contacts.bg2":   "chr1 0 100 chr1 200 300 4\n",
	"unknown.pairs":  "chr9 1 chr1 1\n",
	"strange.txt":    "#matrixtool single\n#chrom chr1 100\n#resolution 10\n0 99 1\n",
}

// OpenTelemetry's variables: somebody else's.
var otel = []string{
	"OTEL_SERVICE_NAME=alice", "OTEL_RESOURCE_ATTRIBUTES=user=alice,host.arch=alice",
	"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_HEADERS=user=alice",
	"OTEL_TRACES_SAMPLER=always_off", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=0", "OTEL_BSP_SCHEDULE_DELAY=60000",
}

// A run of matrixtool, and what comes of it.
type run struct {
	arguments string
	stdin     string
	killed    bool // while it reads standard input
	code      int
	out, err  string // err: a part of it

	span       string // its name; empty: none is sent
	attributes string // one a line
	exception  string
}

var runs = []run{
	{arguments: "load chrom.sizes contacts.pairs a.txt --bin-size 100", span: "load", attributes: "meta.input-format=pairs"},
	{arguments: "load chrom.sizes contacts.bg2 b.txt --format bg2 --bin-size 100", span: "load", attributes: "meta.input-format=bg2"},
	{arguments: "load chrom.sizes - c.txt --bin-size 100", stdin: "chr1 1 chr1 1\n", span: "load", attributes: "meta.input-format=pairs"},
	{arguments: "load other.sizes /dev/null x.txt --bin-size 7", span: "load", attributes: "meta.input-format=pairs"},
	{
		arguments: "zoomify a.txt zoomed.txt --resolutions 500,200,100,200 --threads 2", span: "zoomify",
		attributes: "meta.input-format=single param.resolutions=3 param.threads=2",
	},
	{
		arguments: "merge merged.txt zoomed.txt a.txt b.txt", span: "merge",
		attributes: "meta.input-formats=multi,single param.inputs=3 param.threads=1",
	},
	{
		arguments: "dump merged.txt --resolution 100", span: "dump", attributes: "meta.input-format=multi param.table=pixels",
		out: "chr1\t0\t100\tchr1\t200\t300\t8\nchr1\t900\t1000\tchr2\t0\t100\t2\n",
	},
	{
		arguments: "dump merged.txt --resolution 500", span: "dump", attributes: "meta.input-format=multi param.table=pixels",
		out: "chr1\t0\t500\tchr1\t0\t500\t2\nchr1\t500\t1000\tchr2\t0\t500\t1\n",
	},
	{
		arguments: "dump c.txt", span: "dump", attributes: "meta.input-format=single param.table=pixels",
		out: "chr1\t0\t100\tchr1\t0\t100\t1\n",
	},
	{
		arguments: "dump zoomed.txt --table resolutions", span: "dump", attributes: "meta.input-format=multi param.table=resolutions",
		out: "100\n200\n500\n",
	},
	{
		arguments: "dump a.txt --table chroms", span: "dump", attributes: "meta.input-format=single param.table=chroms",
		out: "chr1\t1000\nchr2\t500\n",
	},
	{
		arguments: "dump x.txt --table bins --resolution 7", span: "dump", attributes: "meta.input-format=single param.table=bins",
		out: "chrX\t0\t7\nchrX\t7\t14\nchrX\t14\t21\nchrX\t21\t28\nchrX\t28\t35\nchrX\t35\t42\nchrX\t42\t49\nchrX\t49\t56\n" +
			"chrX\t56\t63\nchrX\t63\t70\nchrX\t70\t77\nchrX\t77\t84\nchrX\t84\t91\nchrX\t91\t98\nchrX\t98\t100\n",
	},
	{
		arguments: "metadata zoomed.txt", span: "metadata", attributes: "meta.input-format=multi meta.output-format=text",
		out: "chromosomes\t2\npixels at 100\t2\npixels at 200\t2\npixels at 500\t2\n",
	},
	{
		arguments: "metadata a.txt --output-format json", span: "metadata", attributes: "meta.input-format=single meta.output-format=json",
		out: "{\"chromosomes\": 2, \"pixels\": {\"100\": 2}}\n",
	},

	// What the program throws.
	{
		arguments: "dump nothing.txt", code: 1, err: "nothing.txt: No such file or directory\n",
		span: "dump", attributes: "meta.input-format=unknown param.table=pixels", exception: "std::system_error",
	},
	{
		arguments: "dump zoomed.txt", code: 1, err: "--resolution is needed",
		span: "dump", attributes: "meta.input-format=multi param.table=pixels", exception: "std::invalid_argument",
	},
	{
		arguments: "dump strange.txt", code: 1, err: "matrixtool: ",
		span: "dump", attributes: "meta.input-format=single param.table=pixels", exception: "std::out_of_range",
	},
	{
		arguments: "load chrom.sizes unknown.pairs d.txt --bin-size 100", code: 1, err: "can't make sense of \"chr9 1 chr1 1\"",
		span: "load", attributes: "meta.input-format=pairs", exception: "matrixtool::FormatError",
	},
	{
		arguments: "merge merged.txt a.txt x.txt --threads 3", code: 1, err: "x.txt has other chromosomes than a.txt",
		span: "merge", attributes: "meta.input-formats=single param.inputs=2 param.threads=3", exception: "std::invalid_argument",
	},
	{
		arguments: "zoomify a.txt x.txt --resolutions 150", code: 1, err: "150 is no multiple of 100",
		span:      "zoomify",
		exception: "std::invalid_argument", attributes: "meta.input-format=single param.resolutions=1 param.threads=1",
	},

	// What the user got wrong is no run.
	{arguments: "", code: 2, err: "usage:"},
	{arguments: "plot a.txt", code: 2, err: "no subcommand is named plot"},
	{arguments: "dump a.txt --tabel bins", code: 2, err: "no option of dump is named --tabel"},
	{arguments: "dump a.txt --table alice", code: 2, err: "alice is not one of"},
	{arguments: "zoomify a.txt z.txt --resolutions 0", code: 2, err: "0 is no positive number"},
	{arguments: "load chrom.sizes contacts.pairs z.txt", code: 2, err: "too few arguments"},
	{arguments: "merge merged.txt a.txt --threads", code: 2, err: "--threads needs a value"},
	{arguments: "--version", out: "matrixtool 1.0.0\n"},

	{arguments: "load chrom.sizes - d.txt --bin-size 100", killed: true, code: -1, span: "load", attributes: "aborted=true meta.input-format=pairs"},
	// Reports itself, and the one that was killed.
	{arguments: "metadata c.txt", out: "chromosomes\t2\npixels at 100\t1\n", span: "metadata", attributes: "meta.input-format=single meta.output-format=text"},
}

func (r run) status() tracepb.Status_StatusCode {
	if r.exception != "" || r.killed {
		return tracepb.Status_STATUS_CODE_ERROR
	}
	return tracepb.Status_STATUS_CODE_OK
}

// folder is a new one with the inputs.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range inputs {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func start(t *testing.T) *receiver.Receiver {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func towards(r *receiver.Receiver) []string {
	return []string{"RUNSPAN_ENDPOINT=" + r.Endpoint(), "SSL_CERT_FILE=" + r.CAFile()}
}

// do runs the program and looks at what it writes and how it exits.
func (r run) do(t *testing.T, program, dir string, environment []string) {
	t.Helper()
	var stdout, stderr strings.Builder
	c := exec.Command(program, strings.Fields(r.arguments)...)
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = dir, environment, strings.NewReader(r.stdin), &stdout, &stderr
	if r.killed {
		c.Stdin = nil
		pipe, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer pipe.Close()
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if r.killed {
		waitForRecord(t, c)
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	_ = c.Wait() // its exit code is looked at
	said := strings.Contains(stderr.String(), r.err) && (r.err == "") == (stderr.Len() == 0)
	if code := c.ProcessState.ExitCode(); code != r.code || stdout.String() != r.out || !said {
		t.Errorf("matrixtool %s: code %d\n%s%s", r.arguments, code, stdout.String(), stderr.String())
	}
}

// waitForRecord waits until the run that has begun is on the disk.
func waitForRecord(t *testing.T, c *exec.Cmd) {
	t.Helper()
	for _, variable := range c.Env {
		state, ok := strings.CutPrefix(variable, "XDG_STATE_HOME=")
		for deadline := time.Now().Add(10 * time.Second); ok && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			for _, file := range glob(t, state+"/runspan/matrixtool/*.held") {
				if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "meta.input-format") {
					return
				}
			}
		}
	}
	t.Error("the run left no record")
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Every attribute of every run, whatever OpenTelemetry's variables say; and all
// that the schema names is used.
func TestRuns(t *testing.T) {
	r, b, dir, state := start(t), made(t, with), folder(t), t.TempDir()
	environment := host.Environment(t, state, append(towards(r), otel...)...)
	var want []string
	for _, run := range runs {
		run.do(t, b.program(), dir, environment)
		if run.span != "" {
			want = append(want, fmt.Sprintf("%s %v [%s] %s", run.span, run.status(), run.attributes, run.exception))
		}
	}
	spans := arrived(t, r, len(want), func() {
		run{arguments: "metadata c.txt"}.do(t, b.program(), dir, environment)
	})
	seen := map[string]bool{}
	resource := b.resource(t)
	var got []string
	for _, s := range spans {
		exception := ""
		for _, e := range s.Events {
			exception += values(e.Attributes)["exception.type"]
			maps.Copy(seen, set(values(e.Attributes)))
		}
		got = append(got, fmt.Sprintf("%s %v [%s] %s", s.Name, s.Status.GetCode(), lines(values(s.Attributes)), exception))
		if got := lines(values(s.Resource.GetAttributes())); got != resource {
			t.Errorf("resource %s\nwant %s", got, resource)
		}
		if s.Scope.GetName() != "matrixtool" || s.Scope.GetVersion() != "" || s.Status.GetMessage() != "" || len(s.ParentSpanId)+len(s.Links) > 0 {
			t.Errorf("%v", s)
		}
		maps.Copy(seen, set(values(s.Attributes)))
		maps.Copy(seen, set(values(s.Resource.GetAttributes())))
	}
	if text := fmt.Sprint(spans); strings.Contains(text, "alice") || strings.Contains(text, "chr1") || strings.Contains(text, ".txt") {
		t.Errorf("it sent %s", text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got, want := slices.Sorted(maps.Keys(seen)), everyField(t); !slices.Equal(got, want) {
		t.Errorf("arrived %v\nnamed %v", got, want)
	}
}

// arrived returns the first n spans by their start, each once. A busy machine may
// not send one in the time that its run has: again is a run that sends it.
func arrived(t *testing.T, r *receiver.Receiver, n int, again func()) []receiver.Span {
	t.Helper()
	for try := 0; ; try++ {
		spans := r.Spans()
		slices.SortFunc(spans, func(a, b receiver.Span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
		spans = slices.CompactFunc(spans, func(a, b receiver.Span) bool { return string(a.SpanId) == string(b.SpanId) })
		if len(spans) >= n {
			return spans[:n]
		}
		if try == 20 {
			t.Fatalf("%d of %d spans arrived", len(spans), n)
		}
		again()
	}
}

func set[V any](of map[string]V) map[string]bool {
	all := map[string]bool{}
	for key := range of {
		all[key] = true
	}
	return all
}

// everyField has the names of all that the schema lets out.
func everyField(t *testing.T) []string {
	s := schema(t)
	all := set(s.Resource)
	maps.Copy(all, set(s.Attributes))
	maps.Copy(all, set(s.Events["exception"]))
	return slices.Sorted(maps.Keys(all))
}

// resource is what CMake has found out of the build, and uname of the system.
func (b build) resource(t *testing.T) string {
	t.Helper()
	compiler := map[string]string{}
	for _, file := range glob(t, b.folder+"/CMakeFiles/*/CMakeCXXCompiler.cmake") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, set := range regexp.MustCompile(`(?m)^set\((\w+) "(.*)"\)$`).FindAllStringSubmatch(string(text), -1) {
			compiler[set[1]] = set[2]
		}
	}
	uname, err := command("uname", "-m", "-r")
	release, machine, ok := strings.Cut(strings.TrimSpace(uname), " ")
	if err != nil || !ok {
		t.Fatal(err, uname)
	}
	header, err := os.ReadFile(host.Root + "/include/runspan.h")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`RUNSPAN_VERSION "([^"]+)"`).FindSubmatch(header)
	return lines(map[string]string{
		"build.compiler.name":      compiler["CMAKE_CXX_COMPILER_ID"],
		"build.compiler.version":   compiler["CMAKE_CXX_COMPILER_VERSION"],
		"build.type":               "Debug",
		"host.arch":                machine,
		"os.type":                  runtime.GOOS,
		"os.version":               release,
		"service.name":             "matrixtool",
		"service.version":          "1.0.0",
		"telemetry.distro.name":    "runspan",
		"telemetry.distro.version": string(version[1]),
	})
}

func values(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.Key] = value(a.Value)
	}
	return all
}

func value(v *commonpb.AnyValue) string {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_ArrayValue:
		var texts []string
		for _, item := range v.ArrayValue.GetValues() {
			texts = append(texts, value(item))
		}
		return strings.Join(texts, ",")
	}
	return fmt.Sprintf("%v", v)
}

func lines(attributes map[string]string) string {
	var all []string
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		all = append(all, key+"="+attributes[key])
	}
	return strings.Join(all, " ")
}

// Off, by the user or by the build: the same runs with the same output, of which
// nothing is stored or sent. --help-telemetry says which it is.
func TestOff(t *testing.T) {
	for _, test := range []struct {
		variable string
		build    func() (build, error)
		help     string
	}{
		{"MATRIXTOOL_NO_TELEMETRY=", with, "matrixtool\n  telemetry  off: the service's own _NO_TELEMETRY variable is set\n"},
		{"DO_NOT_TRACK=1", with, "matrixtool\n  telemetry  off: DO_NOT_TRACK is set\n"},
		{"OTEL_SDK_DISABLED=true", with, "matrixtool\n  telemetry  off: OTEL_SDK_DISABLED is true\n"},
		{"", without, "matrixtool was built without telemetry\n"},
	} {
		t.Run(test.variable, func(t *testing.T) {
			r, b, dir, state := start(t), made(t, test.build), folder(t), t.TempDir()
			environment := host.Environment(t, state, append(towards(r), test.variable)...)
			for _, run := range runs {
				if !run.killed {
					run.do(t, b.program(), dir, environment)
				}
			}
			help := exec.Command(b.program(), "--help-telemetry")
			help.Env = environment
			if out, err := help.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), test.help) {
				t.Errorf("%v\n%s", err, out)
			}
			if requests, files := r.Requests(), glob(t, state+"/*"); len(requests)+len(files) > 0 {
				t.Errorf("%d requests; files %v", len(requests), files)
			}
		})
	}
}

// With telemetry the program brings one file; without, there is nothing of it in
// the program either.
func TestPackage(t *testing.T) {
	for _, test := range []struct {
		build     func() (build, error)
		installed []string
		inside    bool
	}{
		{with, []string{"bin/matrixtool", "lib/librunspan-core.so", "lib/runspan-core"}, true},
		{without, []string{"bin/matrixtool"}, false},
	} {
		b := made(t, test.build)
		if got := b.installed(t); !slices.Equal(got, test.installed) {
			t.Errorf("installed: %v", got)
		}
		symbols, err := command("nm", b.program())
		if err != nil {
			t.Fatal(err, symbols)
		}
		if inside := strings.Contains(symbols, " runspan_open\n"); inside != test.inside || !strings.Contains(symbols, " main\n") {
			t.Errorf("runspan_open is in the program: %v", inside)
		}
		needs, err := command("readelf", "-d", b.program())
		if err != nil || !strings.Contains(needs, "NEEDED") || strings.Contains(needs, "runspan") {
			t.Errorf("%v\n%s", err, needs)
		}
	}
}

// Without its core the program works, and says nothing of it but when asked.
func TestWithoutCore(t *testing.T) {
	r, b, dir, state := start(t), made(t, with), folder(t), t.TempDir()
	program, err := os.ReadFile(b.program())
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(dir, "matrixtool")
	if err := os.WriteFile(alone, program, 0o700); err != nil {
		t.Fatal(err)
	}
	environment := host.Environment(t, state, towards(r)...)
	runs[0].do(t, alone, dir, environment)
	const missing = "librunspan-core.so is missing or can't be loaded\n"
	run{arguments: "telemetry status", out: "matrixtool\n  telemetry  off: " + missing}.do(t, alone, dir, environment)
	run{arguments: "telemetry preview", code: 1, out: "matrixtool: telemetry is off: " + missing}.do(t, alone, dir, environment)
	if len(r.Requests()) > 0 {
		t.Error("it sent something")
	}
}

// A collector that takes a request and never answers: the run ends all the same,
// and the next one delivers.
func TestExitDoesNotWait(t *testing.T) {
	const budget, slack = 300 * time.Millisecond, 2 * time.Second
	answer := make(chan struct{})
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Respond: func(n int, _ http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			<-answer
		}
		return n == 1
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer close(answer)
	b, dir, state := made(t, with), folder(t), t.TempDir()
	environment := host.Environment(t, state, towards(r)...)
	begun := time.Now()
	runs[0].do(t, b.program(), dir, environment)
	if took := time.Since(begun); took < budget || took > budget+slack {
		t.Errorf("the run took %v", took)
	}
	host.AwaitCores(t) // which wait for the answer longer
	// From here a delivery is known to take long, so that short runs do not wait; where
	// 64 reports wait, one does, and delivers them all.
	for try := 0; len(r.Spans()) < 3 && try < 100; try++ {
		runs[0].do(t, b.program(), dir, environment)
	}
	first := 0
	for _, s := range r.Spans() {
		if string(s.SpanId) == string(r.Spans()[0].SpanId) {
			first++
		}
	}
	if first < 2 {
		t.Errorf("the first run's span came %d times", first)
	}
}

// --help-telemetry has the names of the schema and of the derived fields, each where it belongs.
func TestHelp(t *testing.T) {
	s := schema(t)
	want := map[string][]string{
		"every run":                      slices.Sorted(slices.Values(show.DerivedFields())),
		"the program and the system":     slices.Sorted(maps.Keys(s.Resource)),
		"a run that ended with an error": slices.Sorted(maps.Keys(s.Events["exception"])),
	}
	for span := range s.Spans {
		for key, field := range s.Attributes {
			if slices.Contains(field.Spans, span) {
				want[span] = append(want[span], key)
			}
		}
		slices.Sort(want[span])
	}
	help := exec.Command(made(t, with).program(), "--help-telemetry")
	help.Env = host.Environment(t, "")
	out, err := help.CombinedOutput()
	status, fields, ok := strings.Cut(string(out), "\n\n")
	if err != nil || !ok || !strings.Contains(status, "telemetry  on\n") || !strings.Contains(status, s.Destination) {
		t.Fatalf("%v\n%s", err, out)
	}
	typo := exec.Command(help.Path, "telemetry", "stauts")
	typo.Env = help.Env
	if out, _ := typo.CombinedOutput(); typo.ProcessState.ExitCode() != 2 || !strings.HasPrefix(string(out), "commands:\n") {
		t.Errorf("telemetry stauts: %v\n%s", typo.ProcessState, out)
	}
	got, title := map[string][]string{}, ""
	for _, line := range strings.Split(strings.TrimSpace(fields), "\n") {
		field, indented := strings.CutPrefix(line, "  ")
		if !indented {
			title = line
			continue
		}
		name, description, _ := strings.Cut(field, "  ")
		if strings.TrimSpace(description) == "" {
			t.Errorf("%q has no description", line)
		}
		got[title] = append(got[title], name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
