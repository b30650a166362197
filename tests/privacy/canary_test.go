// SPDX-License-Identifier: MIT

// Package privacy_test runs hosts where everything that a user has is a canary: a
// text that is nowhere else. Then it looks for the canaries in every byte that has
// left the hosts and in every file that they have left.
//
//   - canary_root_test.go, canary_test.go: which hosts, what must not be found, and the table of it
//   - places_test.go: where the canaries are
//   - hosts_test.go: how they get there
//   - evidence_test.go: where they are looked for
package privacy_test

import (
	"encoding/base64"
	"encoding/hex"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var tablePath = flag.String("table", "", "write the table of TestCanaries to this `file`")

// destination is where StripePy sends its telemetry.
const destination = "stripepy-telemetry.paulsenlab.com"

// subject is a host that is looked at, and a column of the table.
type subject struct {
	name    string
	runspan bool
	trips   []trip
}

func subjects(t *testing.T) []subject {
	tool := host.Compile(t, append([]string{"hosts/tool.c"}, host.Link(t)...)...)
	words := func(c *cage) []string {
		return []string{host.Schema, c.word("attribute"), c.word("value"), c.word("span name"), c.word("exception type")}
	}
	files := func(c *cage) []string {
		return []string{c.copied("input", contactMap), filepath.Join(c.folder("output"), "result")}
	}
	inC := func(c *cage, program string) []string {
		return slices.Concat([]string{c.copied(program, tool)}, words(c), files(c))
	}
	inPython := func(c *cage, program string) []string {
		return slices.Concat([]string{c.python(program, "dev"), c.copied(program, "hosts/tool.py")}, words(c), []string{c.word("message")}, files(c))
	}
	stripepy := func(venv string, arguments func(c *cage) []string) func(*cage, string) []string {
		return func(c *cage, program string) []string {
			return append([]string{c.python(program, venv), c.copied(program, "hosts/command.py")}, arguments(c)...)
		}
	}
	call := func(c *cage) []string {
		return []string{"call", c.copied("input", contactMap), "1000000", "--genomic-belt", "50000000", "--max-width", "5000000", "--force",
			"-o", filepath.Join(c.folder("output"), "result.hdf5"), "--log-file", filepath.Join(c.folder("log file"), "log")}
	}
	view := func(c *cage) []string { return []string{"view", c.copied("message", contactMap)} }
	download := func(c *cage) []string { return []string{"download", "--name", c.word("dataset")} }

	// What fails comes first: it stays in the spool until something succeeds.
	all := func(command func(*cage, string) []string) []trip {
		return []trip{
			{command: command, route: byName},
			{command: command, route: byName, second: true},
			{command: command, route: toNobody},
			{command: command},
			{command: command, second: true},
			{command: command, second: true, route: directly},
		}
	}
	return []subject{
		{"StripePy as published", false, []trip{
			{command: stripepy("published", call)},
			{command: stripepy("published", view), fails: "message", second: true},
			{command: stripepy("published", download), fails: "dataset", second: true},
			{command: stripepy("published", view), fails: "message", route: byName},
			{command: stripepy("published", view), fails: "message", route: byName, second: true},
		}},
		{"StripePy with runspan", true, []trip{
			{command: stripepy("patched", view), fails: "message", route: byName},
			{command: stripepy("patched", view), fails: "message", route: byName, second: true},
			{command: stripepy("patched", call), route: toNobody},
			{command: stripepy("patched", call)},
			{command: stripepy("patched", view), fails: "message", second: true},
			{command: stripepy("patched", download), fails: "dataset", second: true},
			{command: stripepy("patched", call), second: true, route: directly},
		}},
		{"Python", true, all(inPython)},
		{"C", true, all(inC)},
	}
}

var contactMap = filepath.Join(host.Root, "tests", "data", "CN.mm9.1000kb.mcool")

// cell looks for a place's canaries. It is empty where the host has no such thing.
func (c *cage) cell(p place, want where) string {
	c.Helper()
	there := false
	for _, key := range p.allKeys() {
		for _, canary := range c.canaries[key] {
			there = true
			if found := c.find(canary); found != want {
				c.Errorf("the canary of %s, %s, is %q, want %q", key, canary, found, want)
			}
		}
	}
	switch {
	case !there:
		return ""
	case want == nowhere:
		return "–"
	}
	return "found: " + string(want)
}

// control finds what is to arrive: where it can't be found, no canary could be.
// It also says that the hosts went nowhere else, and left nothing else.
func (c *cage) control() {
	c.Helper()
	arrives := map[where]string{
		atProxy:      "CONNECT " + destination + ":4319",
		inHead:       "POST /v1/traces HTTP/1.1",
		inBody:       "params.contact_map_resolution",
		atNameServer: "stripepy-telemetry",
	}
	if c.runspan {
		arrives[atEndpoint] = "POST /v1/traces HTTP/1.1"
		arrives[inSpool] = "params.contact_map_resolution"
		if new := c.all(onDisk); len(new) > 0 {
			c.Errorf("new files that are neither the host's nor the spool's: %q", new)
		}
	}
	for at, text := range arrives {
		if found := c.find(text); !strings.Contains(string(found), string(at)) {
			c.Errorf("%q is not %s: it is %q", text, at, found)
		}
	}
	if led := c.all(elsewhere); len(led) > 0 {
		c.Errorf("the environment led to another address: %q", led)
	}
	for _, r := range []*receiver.Receiver{c.collector, c.plain} {
		for _, request := range r.Requests() {
			if request.Err != nil {
				c.Errorf("a request could not be read: %v", request.Err)
			}
		}
	}
}

func tableHead() string {
	return "| canary | StripePy as published | StripePy with runspan | Python | C |\n| --- | --- | --- | --- | --- |\n"
}

// The table in the docs is of these places.
func TestTableInDocs(t *testing.T) {
	lines, err := host.Table("privacy.md", "canaries")
	if err != nil {
		t.Fatal(err)
	}
	lines = lines[strings.Count(tableHead(), "\n"):]
	if len(lines) != len(places) {
		t.Fatalf("run ./build.sh docs: the table has %d rows, for %d places", len(lines), len(places))
	}
	for i, p := range places {
		if !strings.HasPrefix(lines[i], "| "+p.title()+" |") {
			t.Errorf("not the row of %s: %s", p.title(), lines[i])
		}
	}
}

// Whatever form a canary takes, and wherever it goes, it is found there and
// nowhere else.
func TestFindCanaries(t *testing.T) {
	const canary = "canaryabcdefgh01234567"
	in := map[string]string{
		"as it is":           canary,
		"in upper case":      strings.ToUpper(canary),
		"hex":                hex.EncodeToString([]byte(canary)),
		"upper-case hex":     strings.ToUpper(hex.EncodeToString([]byte(canary))),
		"percent-encoded":    "%63%61%6E%61%72%79%61%62%63%64%65%66%67%68%30%31%32%33%34%35%36%37",
		"base64":             base64.StdEncoding.EncodeToString([]byte(canary)),
		"password in base64": base64.StdEncoding.EncodeToString([]byte("user:" + canary)),
		"user in base64":     base64.RawURLEncoding.EncodeToString([]byte(canary + ":password")),
		"between in base64":  base64.StdEncoding.EncodeToString([]byte("a:" + canary + "~")),
	}
	for name, form := range in {
		for _, at := range everywhere {
			var e evidence
			e.add(at, []byte("something"))
			e.add(at, []byte("before"+form+"after"))
			e.add(inHead, []byte("something else"))
			if found := e.find(canary); found != at {
				t.Errorf("%s, %s: found %q", name, at, found)
			}
			if found := e.find("canaryabcdefgh01234568"); found != nowhere {
				t.Errorf("%s, %s: another is found %q", name, at, found)
			}
		}
	}
	var e evidence
	e.add(inBody, []byte{1, 0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 2})
	if found := e.find("deadbeefcafe"); found != inBody {
		t.Errorf("bytes: found %q", found)
	}
}

var (
	variableName = regexp.MustCompile(`\bOTEL(_[A-Z0-9]+)+\b`)
	notVariables = []string{"OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP"} // which turns telemetry off; the beginning of others
)

// The list of variables has all that OpenTelemetry's Go SDK has in its source.
func TestVariablesOfSDK(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk",
		"go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/exporters/otlp/otlptrace", "go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp").Output()
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, p := range places {
		known = append(known, p.allKeys()...)
	}
	read := 0
	for _, folder := range strings.Fields(string(out)) {
		for _, path := range files(folder) {
			if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				continue
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range variableName.FindAllString(string(source), -1) {
				read++
				if !slices.Contains(known, name) && !slices.Contains(notVariables, name) {
					t.Errorf("%s: %s", path, name)
				}
			}
		}
	}
	if read == 0 {
		t.Error("there is none")
	}
}
