// SPDX-License-Identifier: MIT

// Package consent_test shows that whoever says no, in whichever way, gets no
// telemetry: hosts are looked at from outside while they run.
package consent_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

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

// The site's folder is put over the machine's own, in a mount namespace.
const withSite = `set -e
mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work"
mount -t overlay none -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
mkdir -p /etc/runspan && touch "/etc/runspan/$0"
shift && exec "$@"`

func TestConsent(t *testing.T) {
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
	for _, set := range cases {
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
			command = append([]string{"unshare", "-m", "sh", "-c", withSite, r.site, t.TempDir()}, command...)
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
	mapped := 0
	if want == 0 {
		mapped = 1
	}
	if got := strings.TrimSpace(string(out)); got != fmt.Sprint(want, " ", mapped) {
		t.Errorf("open and mapped: %s, want %d %d", got, want, mapped)
	}
	if spans := len(collector.Spans()); spans != mapped {
		t.Errorf("%d spans arrived", spans)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	socket := slices.Contains(lines, "socket")
	changed := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "change ") && strings.Contains(line, "runspan") })
	anything := strings.TrimSpace(string(text)) != ""
	switch {
	case want == 0 && (!socket || !changed):
		t.Errorf("the tracer misses what a run does: %q", text)
	case want != 0 && anything:
		t.Errorf("telemetry is off, and it did %q", text)
	}
	if left, err := os.ReadDir(state); err != nil || want != 0 && len(left) > 0 {
		t.Errorf("%v is on the disk, %v", left, err)
	}
}

// stalled mounts a file system that never answers, and returns its path.
func stalled(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	device, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err == nil {
		err = syscall.Mount("runspan", folder, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", device))
	}
	if err != nil {
		t.Fatalf("to mount FUSE, this test has to run as root: %v", err)
	}
	t.Cleanup(func() { // with nobody to read requests, they fail
		_ = syscall.Close(device)
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// Variables are looked at before files, and the site's switch before the user's:
// a run that is opted out does not wait for a home on a server that is away.
func TestStalledHomes(t *testing.T) {
	home := stalled(t)
	hosts := map[string][]string{
		"C":      {host.Compile(t, append([]string{"hosts/host.c"}, host.Link(t)...)...), host.Schema},
		"Python": {host.Python(t, "dev"), "-IBc", pythonHost, host.Schema},
	}
	for _, r := range rules {
		for name, command := range hosts {
			for _, variable := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
				if r.user != "" && variable != "XDG_STATE_HOME" {
					continue // the switch is there
				}
				t.Run(fmt.Sprint(r.name, " ", name, " ", variable), func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					defer cancel()
					command, env := command, host.Environment(t, "", "RUNSPAN_ENDPOINT=https://127.0.0.1:1", variable+"="+home)
					if variable == "HOME" {
						env = append(env, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
					}
					switch {
					case r.user != "":
						config := t.TempDir()
						touch(t, filepath.Join(config, "runspan", r.user))
						env = append(env, "XDG_CONFIG_HOME="+config)
					case r.site != "":
						command = append([]string{"unshare", "-m", "sh", "-c", withSite, r.site, t.TempDir()}, command...)
					default:
						env = append(env, r.variable)
					}
					c := exec.CommandContext(ctx, command[0], command[1:]...)
					c.Env = env
					out, err := c.CombinedOutput()
					if got, want := strings.TrimSpace(string(out)), fmt.Sprint(r.code, " 0"); err != nil || got != want {
						t.Errorf("open and mapped: %s, want %s; %v", got, want, err)
					}
				})
			}
		}
	}
}

// A home that can't be looked into may have a switch; one that isn't there has none.
func TestHomesThatCantBeRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test needs root")
	}
	const user = 65534
	dir, err := os.MkdirTemp("", "runspan-homes") // t.TempDir's is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	loop, file, closed, state := filepath.Join(dir, "loop"), filepath.Join(dir, "file"), filepath.Join(dir, "closed"), filepath.Join(dir, "state")
	schema, program := filepath.Join(dir, "schema"), filepath.Join(dir, "host")
	lib := host.Library(t)
	built := host.Compile(t, "hosts/host.c", lib+"/librunspan.a")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Symlink("loop", loop), os.WriteFile(file, nil, 0o600),
		os.MkdirAll(closed+"/home", 0o755), os.Chmod(closed, 0o700), os.Mkdir(state, 0o700), os.Chown(state, user, user),
		os.Link(built, program),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{host.Schema: schema, lib + "/librunspan-core.so": dir + "/librunspan-core.so"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ home, out string }{
		{dir + "/none", "0 1"},
		{file + "/home", "0 1"},
		{"", "0 1"},
		{loop, "5 0"},
		{closed + "/home", "5 0"},
	} {
		cmd := exec.Command(program, schema)
		cmd.Dir = dir
		cmd.Env = host.Environment(t, state, "XDG_CONFIG_HOME=", "RUNSPAN_ENDPOINT=https://127.0.0.1:1", "HOME="+test.home)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.out {
			t.Errorf("HOME=%s: open and mapped: %s, want %s; %v", test.home, got, test.out, err)
		}
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
