// SPDX-License-Identifier: MIT

// Package sanitize_test runs C and C++ hosts under Valgrind, and built with the
// sanitizers. The front is built as the host is, so that a tool sees into it.
// The core is the built library; what the Go runtime in it makes Valgrind say is
// listed, with the reasons, in suppressions.sh. The sanitizers need no such list.
package sanitize_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var root = host.Root

type program struct {
	source    string
	arguments []string
	service   string
	schema    string
	says      string // what its output has
	spans     int    // how many it ends
	atLeast   int    // how many must arrive; 0: all
	abandons  bool   // it closes a client with spans open: they don't count
}

// fasta is the input of the examples, in their working folder. Under Valgrind they need a second
// or two for it. So the core has written their standby, however busy the machine is, before they
// end the span and wait 0.3 s.
const fasta = "two.fasta"

func writeFasta(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	sequence := strings.Repeat(strings.Repeat("ACGTG", 10)+"\n", 10_000)
	if err := os.WriteFile(folder+"/"+fasta, []byte(">one\n"+sequence+">two\n"+sequence), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

var programs = map[string]program{
	"abi": {
		source: root + "/tests/c/hosts/abi.c", arguments: []string{host.Schema, ""},
		service: "stripepy", schema: host.Schema, says: `(?m)^\d+ passed, 0 failed$`, spans: 405, abandons: true,
	},
	"run": {
		source: root + "/tests/c/hosts/run.c", arguments: []string{host.Schema, "60000"},
		service: "stripepy", schema: host.Schema, says: `(?m)^0$`, spans: 2500,
		atLeast: 1, // it closes after a minute at most, when a tool may not be done writing
	},
	"linecount": {
		source: root + "/examples/count/linecount.c", arguments: []string{fasta},
		service: "linecount", schema: root + "/examples/count/linecount.json", says: `(?m)^20002 two.fasta$`, spans: 1,
	},
	"seqtool": {
		source: root + "/examples/seqtool/seqtool.cpp", arguments: []string{"length", fasta},
		service: "seqtool", schema: root + "/examples/seqtool/seqtool.json", says: "(?m)^one\t500000\ntwo\t500000$", spans: 1,
	},
	"cpp": {
		source: "hosts/host.cpp", arguments: []string{root + "/tests/sanitize/hosts/host.json"},
		service: "host", schema: "hosts/host.json", says: `(?m)^\d+ passed, 0 failed$`, spans: 46,
		atLeast: 45, // the last one ends after main, and is closed after 0.3 s
	},
	"random calls": {
		source: root + "/tests/c/hosts/fuzz.c", arguments: []string{host.Schema, fmt.Sprint(time.Now().UnixNano()), "3"},
		service: "stripepy", schema: host.Schema, says: `(?m)^\d{3,} calls$`,
	},
	"wrong": {source: "hosts/wrong.c", service: "stripepy", schema: host.Schema},
}

// clean are the programs and their tools, with the core or with its stand-in.
var clean = []struct {
	program, core string
	tools         []string
}{
	{"abi", "core", []string{"memcheck", "thread"}}, // address: TestABI; helgrind takes minutes
	{"run", "core", []string{"memcheck", "helgrind", "address", "thread"}},
	{"linecount", "core", []string{"memcheck", "helgrind", "address", "thread"}},
	{"seqtool", "core", []string{"memcheck", "helgrind", "address", "thread"}},
	{"cpp", "core", []string{"memcheck", "helgrind", "address", "thread"}},
	{"cpp", "stand-in", []string{"memcheck", "address", "thread"}},
	{"random calls", "core", []string{"thread"}}, // address: TestRandomCalls
	{"random calls", "stand-in", []string{"memcheck", "address", "thread"}},
}

// The errors of wrong.c, and what the tools call them.
var wrong = []struct {
	error, core string
	tools       map[string]string
}{
	{"leak", "core", map[string]string{"memcheck": "definitely lost", "address": "detected memory leaks"}},
	{"freed_text", "core", map[string]string{"memcheck": "Invalid read", "address": "heap-use-after-free"}},
	{"freed_list", "stand-in", map[string]string{"memcheck": "Invalid read", "address": "heap-use-after-free"}},
	{"freed_in_log", "core", map[string]string{"memcheck": "Invalid read", "address": "heap-use-after-free"}},
	{"uninitialised_text", "core", map[string]string{"memcheck": "depends on uninitialised value"}},
	{"overflow", "core", map[string]string{"address": "signed integer overflow"}},
	{"race", "core", map[string]string{"helgrind": "Possible data race", "thread": "data race"}},
	{"race_in_log", "core", map[string]string{"helgrind": "Possible data race", "thread": "data race"}},
	{"none", "core", map[string]string{"memcheck": "", "helgrind": "", "address": "", "thread": ""}},
}

// found matches the closing lines of a tool that has found an error.
var found = regexp.MustCompile(`ERROR SUMMARY: [1-9]|Sanitizer|runtime error`)

func TestTools(t *testing.T) {
	folder := writeFasta(t)
	deliver := host.Compile(t, append([]string{"hosts/deliver.c"}, host.Link(t)...)...)
	for _, b := range builds(t) {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			shared := append([]string{"-shared", "-fPIC", "-I" + root + "/capi/front"}, b.flags...)
			front := host.Compile(t, append(shared, host.Front(t)...)...)
			cores := map[string]string{
				"core":     host.Library(t) + "/librunspan-core.so",
				"stand-in": host.Compile(t, append(shared, "hosts/standin.c")...),
			}
			compiled := make(map[string]string)
			for name, p := range programs {
				arguments := append(b.flags, "-I"+host.EmbedSchema(t, p.schema), p.source, front)
				if strings.HasSuffix(p.source, ".cpp") {
					compiled[name] = host.CompileCPP(t, nil, arguments)
				} else {
					compiled[name] = host.Compile(t, arguments...)
				}
			}
			for _, tool := range b.tools {
				for _, row := range clean {
					if slices.Contains(row.tools, tool.name) {
						t.Run(strings.Join([]string{tool.name, row.program, row.core}, " "), func(t *testing.T) {
							t.Parallel()
							isClean(t, tool, programs[row.program], compiled[row.program], cores[row.core], folder, deliver)
						})
					}
				}
				for _, row := range wrong {
					if calls, ok := row.tools[tool.name]; ok {
						t.Run(tool.name+" "+row.error, func(t *testing.T) {
							t.Parallel()
							isFound(t, tool, compiled["wrong"], row.error, calls, cores[row.core])
						})
					}
				}
			}
		})
	}
}

// isClean runs a program, of which the tool has to find nothing. What it does
// not deliver itself, because a tool makes it slow, another run delivers.
func isClean(t *testing.T, tool tool, p program, path, core, folder, deliver string) {
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	env := host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile(), "SSL_CERT_DIR="+t.TempDir())
	c := tool.command(env, core, path, p.arguments...)
	c.Dir = folder
	out, err := c.CombinedOutput()
	if err != nil || found.Match(out) || !strings.Contains(string(out), tool.closing) || !regexp.MustCompile(p.says).Match(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasSuffix(core, "/librunspan-core.so") {
		if !regexp.MustCompile(`(?m)^stand-in: \d{3,} calls$`).Match(out) {
			t.Fatalf("the stand-in was not called:\n%s", out)
		}
		return
	}
	want := p.spans
	if p.atLeast > 0 {
		want = p.atLeast
	}
	// A program under a tool may be too slow for its collector: then a pause has to end first.
	for deadline := time.Now().Add(2 * time.Minute); p.arrived(r) < want && time.Now().Before(deadline); {
		c := exec.Command(deliver, p.service, p.schema)
		c.Env = env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("deliver: %v\n%s", err, out)
		}
	}
	if n := p.arrived(r); n < want || n > p.spans && p.spans > 0 {
		t.Errorf("%d spans of %d arrived", n, p.spans)
	}
	t.Log(lastLine(out))
}

// arrived counts the spans that have arrived.
func (p program) arrived(r *receiver.Receiver) int {
	ids := make(map[string]bool)
	for _, s := range r.Spans() {
		aborted := slices.ContainsFunc(s.Span.Attributes, func(a *commonpb.KeyValue) bool { return a.Key == "aborted" })
		if !aborted || !p.abandons {
			ids[string(s.Span.SpanId)] = true
		}
	}
	return len(ids)
}

// isFound runs wrong.c with an error, which the tool has to find: by what it
// calls it, and in the function of its name.
func isFound(t *testing.T, tool tool, path, error, calls, core string) {
	out, err := tool.command(host.Environment(t, "", "SSL_CERT_DIR="+t.TempDir()), core, path, error, host.Schema).CombinedOutput()
	if calls == "" {
		if err != nil || found.Match(out) || !strings.Contains(string(out), tool.closing) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err == nil || !found.Match(out) || !strings.Contains(string(out), calls) || !regexp.MustCompile(`\b`+error+`\b.*wrong\.c`).Match(out) {
		t.Errorf("it is not found: %v\n%s", err, out)
	}
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
