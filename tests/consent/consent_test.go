// SPDX-License-Identifier: MIT

// Package consent_test shows that whoever says no, in whichever way, gets no
// telemetry: hosts are looked at from outside while they run.
package consent_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// rule is a way to say no, or what could be taken for one.
type rule struct {
	name     string
	variable string // NAME=VALUE; empty: a file
	user     string // a file in the user's folder of switches
	site     string // a file in the site's
	code     int    // of runspan_open; 0: telemetry is on
}

// The order is that in which they count.
var rules = []rule{
	{name: "the service's own", variable: "STRIPEPY_NO_TELEMETRY=1", code: 1},
	{name: "NO_TELEMETRY", variable: "NO_TELEMETRY=1", code: 2},
	{name: "DO_NOT_TRACK", variable: "DO_NOT_TRACK=1", code: 3},
	{name: "OTEL_SDK_DISABLED", variable: "OTEL_SDK_DISABLED=true", code: 4},
	{name: "the site's switch", site: "stripepy.off", code: 6},
	{name: "the user's switch", user: "stripepy.off", code: 5},
}

var more = []rule{
	{variable: "STRIPEPY_NO_TELEMETRY=", code: 1},
	{variable: "STRIPEPY_NO_TELEMETRY=0", code: 1},
	{variable: "NO_TELEMETRY=", code: 2},
	{variable: "NO_TELEMETRY=false", code: 2},
	{variable: "DO_NOT_TRACK=true", code: 3},
	{variable: "DO_NOT_TRACK=yes", code: 3},
	{variable: "DO_NOT_TRACK=", code: 0},
	{variable: "DO_NOT_TRACK=0", code: 0},
	{variable: "DO_NOT_TRACK=False", code: 0},
	{variable: "OTEL_SDK_DISABLED=TRUE", code: 4},
	{variable: "OTEL_SDK_DISABLED=1", code: 0},
	{variable: "OTEL_SDK_DISABLED=", code: 0},
	{variable: "OTHER_NO_TELEMETRY=1", code: 0},
	{user: "off", code: 5},
	{user: "other.off", code: 0},
	{user: "stripepy.on", code: 0},
	{site: "off", code: 6},
	{site: "other.off", code: 0},
}

const pythonHost = `
import os, sys, runspan
for pair in sys.argv[2:]:
    name, _, value = pair.partition("=")
    os.environ[name] = value
client = runspan.Client("stripepy", open(sys.argv[1], "rb").read())
print(client.state, int("librunspan-core" in open("/proc/self/maps").read()))
with client.start_span("call"):
    pass
client.close(5)
`

// Whoever says no by a variable or a file of their own.
func TestConsent(t *testing.T) {
	try(t, func(set []rule) bool { return !ofSite(set) })
}

func ofSite(set []rule) bool {
	return slices.ContainsFunc(set, func(r rule) bool { return r.site != "" })
}

// try runs hosts in the cases that are chosen.
func try(t *testing.T, chosen func([]rule) bool) {
	tracer := host.Compile(t, "hosts/trace.c")
	hosts := map[string][]string{
		"C":      {host.Compile(t, append([]string{"hosts/host.c"}, host.Link(t)...)...), host.Schema},
		"Python": {host.Python(t, "dev"), "-IBc", pythonHost, host.Schema},
	}
	cases := [][]rule{{}}
	for i, first := range rules {
		cases = append(cases, []rule{first})
		for _, second := range rules[i+1:] {
			cases = append(cases, []rule{second, first}) // whichever is set first, the order of the rules counts
		}
	}
	for _, r := range more {
		cases = append(cases, []rule{r})
	}
	for _, set := range slices.DeleteFunc(cases, func(set []rule) bool { return !chosen(set) }) {
		for name, command := range hosts {
			for _, how := range []string{"before", "by the host"} {
				t.Run(fmt.Sprint(names(set), " ", name, " ", how), func(t *testing.T) { check(t, tracer, command, set, how) })
			}
		}
	}
}

func names(set []rule) (names []string) {
	for _, r := range set {
		names = append(names, r.variable+r.user+r.site)
	}
	return names
}

func check(t *testing.T, tracer string, command []string, set []rule, how string) {
	collector, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer collector.Close()
	state, config, seen := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "seen")
	env := host.Environment(t, state, "XDG_CONFIG_HOME="+config, "RUNSPAN_ENDPOINT="+collector.Endpoint(), "SSL_CERT_FILE="+collector.CAFile())
	command = append([]string{tracer, seen}, command...)
	want := 0
	for _, r := range set {
		want = r.code // the last of the set is the first of the rules
		switch {
		case r.user != "":
			touch(t, filepath.Join(config, "runspan", r.user))
		case r.site != "":
			command = inSite(t, r.site, command)
		case how == "before":
			env = append(env, r.variable)
		default:
			command = append(command, r.variable)
		}
	}
	c := exec.Command(command[0], command[1:]...)
	c.Env = env
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	reports, mapped := 0, 0
	if want == 0 {
		reports = 1
		if !host.Beside() {
			mapped = 1
		}
	}
	if got := strings.TrimSpace(string(out)); got != fmt.Sprint(want, " ", mapped) {
		t.Errorf("open and mapped: %s, want %d %d", got, want, mapped)
	}
	if spans := len(collector.Spans()); spans != reports {
		t.Errorf("%d spans arrived", spans)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	socket, process := slices.Contains(lines, "socket"), slices.Contains(lines, "untraced")
	changed := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "change ") && strings.Contains(line, "runspan") })
	anything := strings.TrimSpace(string(text)) != ""
	switch {
	case want == 0 && (socket == host.Beside() || changed == host.Beside() || process != host.Beside()):
		t.Errorf("the tracer misses what a run does: %q", text)
	case want != 0 && anything:
		t.Errorf("telemetry is off, and it did %q", text)
	}
	if left, err := os.ReadDir(state); err != nil || want != 0 && len(left) > 0 {
		t.Errorf("%v is on the disk, %v", left, err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}
