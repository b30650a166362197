// SPDX-License-Identifier: MIT

// Package c_test builds the C hosts in hosts/, runs them against a
// receiver, and looks at what arrived.
package c_test

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

const (
	root   = "../.."
	schema = root + "/schemas/stripepy.json"
	// What abi.c sends: 8 threads of 50 spans, and 5 more.
	spansOfABI = 8*50 + 5
)

var sanitizer = []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}

// beside is the environment of a host whose core is in a process of its own.
var beside = []string{host.OutOfProcess}

func TestABI(t *testing.T) {
	lib := host.Library(t)
	abi := []string{"hosts/abi.c"}
	for _, test := range []struct {
		name      string
		arguments []string
		core      string
		more      []string
	}{
		{"sanitized front", append(append(abi, sanitizer...), host.Front(t)...), lib + "/librunspan-core.so", nil},
		{"shared front", append(abi, host.Link(t)...), "", nil},
		{"static front", append(abi, lib+"/librunspan.a"), lib + "/librunspan-core.so", nil},
		{"sanitized front, core beside it", append(append(abi, sanitizer...), host.Front(t)...), lib + "/librunspan-core.so", beside},
		{"shared front, core beside it", append(abi, host.Link(t)...), "", beside},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			program := exec.Command(host.Compile(t, test.arguments...), schema, test.core)
			program.Env = host.Environment(t, "", append(test.more, "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())...)
			out, err := program.CombinedOutput()
			if err != nil || !regexp.MustCompile(`(?m)^\d+ passed, 0 failed$`).Match(out) {
				t.Fatalf("%v\n%s", err, out)
			}
			check(t, r.Spans())
		})
	}
}

// check looks at the spans that abi.c sends.
func check(t *testing.T, spans []receiver.Span) {
	t.Helper()
	ids := make(map[string]bool)
	names := make(map[string]int)
	lists := 0
	spans = slices.DeleteFunc(spans, func(s receiver.Span) bool { // those that were open when their client was closed
		return hasAttribute(s, "aborted") && s.Span.Status.GetCode() == 2
	})
	for _, s := range spans {
		ids[string(s.Span.SpanId)] = true
		names[s.Span.Name]++
		if got := fmt.Sprint(s.Span); strings.Contains(got, "alice") || strings.Contains(got, "no such column") {
			t.Errorf("it sent %s", got)
		}
		switch {
		case s.Span.Name == "view":
			checkAttributes(t, s, map[string]string{
				"params.columns":                    `array_value:{values:{string_value:"chrom1"} values:{string_value:"start1"} values:{string_value:"other"}}`,
				"params.relative_change_threshold":  `double_value:5`,
				"params.result_file_format_version": `int_value:3`,
			})
		case hasAttribute(s, "params.max_width"): // of lists()
			checkAttributes(t, s, map[string]string{
				"params.k":                  `int_value:3`,
				"params.nproc":              ``,
				"params.low_memory":         `bool_value:true`,
				"params.glob_pers_min":      `double_value:0.25`,
				"params.contact_map_format": `string_value:"hic"`,
				"params.max_width":          `int_value:5`,
			})
			lists++
		}
		if len(s.Span.Events) > 0 && !strings.Contains(fmt.Sprint(s.Span.Events), `"other"`) {
			t.Errorf("events %v", s.Span.Events)
		}
	}
	if len(ids) != spansOfABI || len(spans) != spansOfABI {
		t.Errorf("%d spans with %d ids, want %d", len(spans), len(ids), spansOfABI)
	}
	if names["view"] != 1 || names["download"] != 1 || names["call"] != spansOfABI-2 || lists != 1 {
		t.Errorf("names %v", names)
	}
}

func hasAttribute(s receiver.Span, key string) bool {
	return slices.ContainsFunc(s.Span.Attributes, func(a *commonpb.KeyValue) bool { return a.Key == key })
}

func checkAttributes(t *testing.T, s receiver.Span, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for _, a := range s.Span.Attributes {
		got[a.Key] = strings.ReplaceAll(a.Value.String(), "  ", " ")
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || s.Span.Status.GetCode() != 1 {
		t.Errorf("got %v, status %v", got, s.Span.Status)
	}
}

// Whatever ulimit -v is, the host lives, and says nothing. The Go runtime alone
// would end it. Where the core does not fit into the host, it is beside it.
func TestAddressSpace(t *testing.T) {
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	program := host.Compile(t, append([]string{"hosts/run.c"}, host.Link(t)...)...)
	for _, megabytes := range []int{32, 64, 96, 112, 128, 144, 160, 192, 256, 320, 512, 768, 1000, 1408, 1500, 2000, 2500, 3000, 4000} {
		// As docs/authors.md says: the core takes 128 MB beyond what the host has mapped.
		for _, way := range []string{"", "0"} {
			limited := exec.Command("sh", "-c", fmt.Sprintf("ulimit -v %d && exec %s %s", megabytes<<10, program, schema))
			limited.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile(), "RUNSPAN_OUT_OF_PROCESS="+way)
			out, err := limited.CombinedOutput()
			code := strings.TrimSpace(string(out))
			if err != nil || code != "0" && code != "10" || (code == "0") != (megabytes >= 144) {
				t.Errorf("%d MB, RUNSPAN_OUT_OF_PROCESS=%s: %v, %s", megabytes, way, err, out)
			}
		}
	}
}

// Nothing of ours but the ABI is to be seen from outside.
func TestExportedSymbols(t *testing.T) {
	out, err := exec.Command("nm", "-D", "--defined-only", host.Library(t)+"/librunspan.so").Output()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(root + "/include/runspan.h")
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		fields := strings.Fields(line)
		name, _, _ := strings.Cut(fields[2], "@")
		switch {
		case fields[1] == "A" && name == "RUNSPAN_0": // the version itself
		case fields[1] == "T" && strings.HasPrefix(name, "runspan_") && strings.Contains(string(header), name+"("):
			functions++
		default:
			t.Errorf("exported: %s", line)
		}
	}
	declared := regexp.MustCompile(`(?m)^(?:int|const char \*)\s?runspan_\w+\(`).FindAll(header, -1)
	if functions != len(declared) || functions == 0 {
		t.Errorf("%d functions are exported, %d declared", functions, len(declared))
	}
}

// The header stands alone, in C99 and in C++.
func TestHeaderCompiles(t *testing.T) {
	for _, language := range [][]string{{"-x", "c", "-std=c99"}, {"-x", "c", "-std=c2x"}, {"-x", "c++", "-std=c++17"}} {
		arguments := append(language, "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-fsyntax-only", root+"/include/runspan.h")
		if out, err := exec.Command("cc", arguments...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", language, err, out)
		}
	}
}

// The examples for authors are programs'.
func TestAuthorsExamplesCompile(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/authors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range []struct {
		language, compiler, start string
		flags                     []string
	}{
		{"c", "cc", "#include \"runspan.h\"\nint sort_everything(void);\nvoid example(const char *schema);\n", []string{"-std=c99", "-std=c2x"}},
		{"cpp", "c++", "#include <runspan.hpp>\nvoid sort_everything();\nvoid example(const char *schema);\n", []string{"-std=c++17", "-std=c++20"}},
	} {
		code := regexp.MustCompile("(?s)```" + example.language + "\n(.*?)```").FindSubmatch(page)
		if code == nil {
			t.Fatalf("docs/authors.md has no example in %s", example.language)
		}
		source := filepath.Join(t.TempDir(), "example."+example.language)
		program := fmt.Sprintf("%svoid example(const char *schema) {\n%s}\n", example.start, code[1])
		if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, standard := range example.flags {
			arguments := []string{standard, "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wno-missing-field-initializers", "-Werror", "-I" + root + "/include", "-fsyntax-only", source}
			if out, err := exec.Command(example.compiler, arguments...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", standard, err, out)
			}
		}
	}
}

// The version stands in the header and in the Python package.
func TestVersionsAgree(t *testing.T) {
	var versions []string
	for path, pattern := range map[string]string{
		root + "/include/runspan.h":              `RUNSPAN_VERSION "([^"]+)"`,
		root + "/python/src/runspan/__init__.py": `__version__ = "([^"]+)"`,
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(pattern).FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s has no version", path)
		}
		versions = append(versions, string(found[1]))
	}
	if versions[0] != versions[1] {
		t.Errorf("%v", versions)
	}
}

var seconds = flag.Int("seconds", 60, "how long TestRandomCalls calls, in seconds")

// Whatever is called, with whatever handles, texts and sizes, from several
// threads at once: the host lives, and each call returns one of the codes.
func TestRandomCalls(t *testing.T) {
	lib := host.Library(t)
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Lean: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sources := append(append([]string{"hosts/fuzz.c"}, sanitizer...), host.Front(t)...)
	seed := fmt.Sprint(time.Now().UnixNano())
	random := exec.Command(host.Compile(t, sources...), schema, seed, fmt.Sprint(*seconds), lib+"/librunspan-core.so")
	random.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())
	random.WaitDelay = time.Second
	timer := time.AfterFunc(time.Duration(*seconds)*time.Second+time.Minute, func() { _ = random.Process.Kill() })
	defer timer.Stop()
	out, err := random.CombinedOutput()
	var calls int
	if n, _ := fmt.Sscanf(string(out), "%d calls\n", &calls); err != nil || n != 1 || calls < 1000 {
		t.Fatalf("seed %s: %v\n%s", seed, err, out)
	}
	arrived := 0
	for _, request := range r.Requests() {
		// A close that waits for nothing cuts a request off in its body. One that
		// came whole has to be readable.
		if cut := errors.Is(request.Err, io.ErrUnexpectedEOF) && request.Raw == nil; request.Err != nil && !cut {
			t.Errorf("seed %s: %v", seed, request.Err)
		}
		arrived += len(request.SpanIDs)
	}
	if arrived == 0 {
		t.Errorf("seed %s: no span arrived", seed)
	}
	t.Logf("seed %s: %d calls, %d spans arrived", seed, calls, arrived)
}

var cycles = flag.Int("cycles", 200_000, "how many spans TestSoak begins and ends")

// A host that reports for days: memory, threads and descriptors stay what they
// are after the first tenth, but for what the collector's pace leaves waiting.
func TestSoak(t *testing.T) {
	const slack = 48 << 10 // KiB: what may wait in memory, and a garbage collector's
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Lean: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	soak := exec.Command(host.Compile(t, append([]string{"hosts/soak.c"}, host.Link(t)...)...), schema, fmt.Sprint(*cycles))
	soak.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())
	out, err := soak.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 10 {
		t.Fatalf("%v\n%s", err, out)
	}
	var first, now [3]int
	for i, line := range lines {
		if n, err := fmt.Sscan(line, &now[0], &now[1], &now[2]); n != 3 {
			t.Fatalf("%q: %v", line, err)
		}
		if i == 0 {
			first = now
		}
		if now[0] > first[0]+slack || now[1] > first[1]+4 || now[2] > first[2]+4 {
			t.Errorf("memory, threads, descriptors: %v, and at first %v", now, first)
		}
	}
	ids := make(map[string]bool)
	for _, request := range r.Requests() {
		for _, id := range request.SpanIDs {
			ids[id] = true
		}
	}
	if len(ids) != *cycles {
		t.Errorf("%d of %d spans arrived", len(ids), *cycles)
	}
	t.Logf("KiB, threads, descriptors: first %v, last %v", first, now)
}

// Processes of one exec, forked before each opens runspan for itself, are runs
// of their own: Go's default random numbers would be the same in all of them.
func TestIDsOfForkedProcesses(t *testing.T) {
	const children = 5
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	forks := exec.Command(host.Compile(t, append([]string{"hosts/forks.c"}, host.Link(t)...)...), schema, fmt.Sprint(children))
	forks.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())
	if out, err := forks.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	traces, spans := make(map[string]bool), make(map[string]bool)
	for _, s := range r.Spans() {
		traces[string(s.TraceId)], spans[string(s.SpanId)] = true, true
	}
	if len(r.Spans()) != children || len(traces) != children || len(spans) != children {
		t.Errorf("%d spans of %d arrived, with %d trace ids and %d span ids", len(r.Spans()), children, len(traces), len(spans))
	}
}
