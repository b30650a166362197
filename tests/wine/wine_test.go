// SPDX-License-Identifier: MIT

// Package wine_test runs hosts for Windows with Wine, with the wheel for Windows of
// build/wheels. scripts/wine.sh fetches Wine and CPython.
package wine_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var (
	long    = flag.Bool("long", false, "run all hosts, and all that they do")
	fetched = filepath.Join(host.Root, "build", "wine")
	schema  = onWindows(filepath.Join(host.Root, "tests", "data", "every-kind.json"))
)

// onWindows is a path as Wine has it.
func onWindows(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// installed is the folder in which the wheel is, and the hosts.
var installed string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "Programme für 日本 ")
	if err != nil {
		panic(err)
	}
	installed = dir
	// Wine's own services start now, and stay, so that they print into no host's output.
	server("-p300")
	_ = exec.Command(filepath.Join(fetched, "wine"), "cmd", "/c", "exit").Run() // an error here is each host's error, too
	code := m.Run()
	server("-k") // so that no core writes there any more
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// server tells Wine's server what to do.
func server(option string) {
	c := exec.Command(filepath.Join(fetched, "debian/root/usr/lib/wine/wineserver"), option)
	c.Env = append(os.Environ(), "WINEPREFIX="+filepath.Join(fetched, "prefix"))
	_ = c.Run() // -k fails if there is no server any more
}

func run(t *testing.T, command ...string) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out))
	}
}

// build has go compile for Windows with the wheel's flags, for which the compiled packages
// are there already.
func build(t *testing.T, command string, arguments ...string) {
	t.Helper()
	const script = `. "$1"; shift; exec go "$1" -trimpath -tags "${GUEST_TAGS/,netgo/}" "${GUEST_GCFLAGS[@]}" "${@:2}"`
	run(t, slices.Concat([]string{"bash", "-c", script, "bash", filepath.Join(host.Root, "capi", "guest", "flags.sh"), command}, arguments)...)
}

func site() string    { return filepath.Join(installed, "site") }
func library() string { return filepath.Join(site(), "runspan", "lib") }

var once sync.Once

// install installs the wheel, and compiles the hosts beside its library, where Windows
// looks for it.
func install(t *testing.T) {
	t.Helper()
	once.Do(func() {
		run(t, host.Python(t, "dev"), "-m", "pip", "install", "-q", "--no-index", "--find-links", filepath.Join(host.Root, "build", "wheels"),
			"--only-binary=:all:", "--platform", "win_amd64", "--target", site(), "runspan")
		build(t, "build", "-o", filepath.Join(installed, "launch.exe"), "./launch")
		compile(t, "cc", "-std=c11", "host.c", "host-c.exe")
		if *long { // zig makes the C++ library first
			compile(t, "c++", "-std=c++17", "host.cpp", "host-cpp.exe")
		}
	})
}

func compile(t *testing.T, compiler, standard, source, program string) {
	t.Helper()
	run(t, host.Python(t, "dev"), "-m", "ziglang", compiler, "-target", "x86_64-windows-gnu", standard, "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
		"-I"+host.Root+"/include", "hosts/"+source, filepath.Join(library(), "runspan.dll"), "-o", filepath.Join(library(), program))
}

// kind is a kind of host.
type kind struct {
	name     string
	command  []string // in which schema and what to do are left out
	commands []string // the same for a user's command
}

func native(name, program string) kind {
	command := []string{onWindows(filepath.Join(library(), program)), schema}
	return kind{name, command, command}
}

func cpython(version string) kind {
	python := onWindows(filepath.Join(fetched, "cpython-"+version, "python.exe"))
	return kind{
		"CPython " + version,
		[]string{python, "-B", onWindows(filepath.Join(host.Root, "tests", "wine", "hosts", "python_host.py")), schema},
		[]string{python, "-B", "-m", "runspan", "--schema", schema},
	}
}

func kinds() []kind {
	if *long {
		return []kind{native("C", "host-c.exe"), native("C++", "host-cpp.exe"), cpython("3.12.1"), cpython("3.13.5"), cpython("3.14.3")}
	}
	return []kind{native("C", "host-c.exe"), cpython("3.14.3")}
}

// lab is a receiver, and a user's folders.
type lab struct {
	*receiver.Receiver
	profile string // %LOCALAPPDATA%
	machine string // %ProgramData%
}

func newLab(t *testing.T, options receiver.Options) *lab {
	t.Helper()
	options.Dir = t.TempDir()
	r, err := receiver.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	l := &lab{r, filepath.Join(t.TempDir(), "José Müller 日本", "Local"), filepath.Join(t.TempDir(), "Program Data")}
	for _, folder := range []string{l.profile, l.machine} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// outcome is what is seen of a run.
type outcome struct {
	printed string
	status  int
}

// run runs a program. When its report is on the disk, and kill is true, it kills it.
func (l *lab) run(t *testing.T, kill bool, command []string, variables ...string) outcome {
	t.Helper()
	flag := filepath.Join(t.TempDir(), "kill")
	words := slices.Concat([]string{onWindows(filepath.Join(installed, "launch.exe")), "LOCALAPPDATA=" + onWindows(l.profile), "ProgramData=" + onWindows(l.machine)}, command)
	c := exec.Command(filepath.Join(fetched, "wine"), words...)
	c.Env = append(host.Environment(t, "", "LANG=C.UTF-8", "PYTHONPATH="+onWindows(site()), "PYTHONUTF8=1"), variables...)
	if kill {
		c.Env = append(c.Env, "KILL_WHEN="+onWindows(flag))
	}
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer time.AfterFunc(3*time.Minute, func() { _ = c.Process.Kill() }).Stop()
	if kill {
		for deadline := time.Now().Add(time.Minute); l.waiting() == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		}
		if err := os.WriteFile(flag, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Wait() // its state is the outcome
	return outcome{strings.ReplaceAll(out.String(), "\r\n", "\n"), c.ProcessState.ExitCode()}
}

// report runs a host.
func (l *lab) report(t *testing.T, k kind, what string, variables ...string) outcome {
	t.Helper()
	return l.run(t, what == "killed", append(k.command[:len(k.command):len(k.command)], what), append([]string{"RUNSPAN_ENDPOINT=" + l.Endpoint()}, variables...)...)
}

// waiting counts the files of the hosts' spool.
func (l *lab) waiting() (files int) {
	files, _ = host.WaitingIn(filepath.Join(l.profile, "runspan", "every-kind")) // until there is one, none waits
	return files
}

// reported is the span of a host, as it arrives: every kind of value.
const reported = `run ERROR choice="é" flag=true real=0.5 text=null whole=-3000000000 words=["a" "b c"] exception=ValueError service.version="1.2"`

const aborted = "run ERROR aborted"

// arrive waits until nothing waits, and compares what has arrived. The next run delivers
// what the last one has left.
func (l *lab) arrive(t *testing.T, k kind, want []string, variables ...string) {
	t.Helper()
	for range 20 { // an attempt that has failed makes a pause
		for deadline := time.Now().Add(5 * time.Second); l.waiting() > 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		}
		if l.waiting() == 0 {
			break
		}
		if out := l.report(t, k, "plain", variables...); out != (outcome{"open 0\n", 0}) {
			t.Fatalf("the next run: %+v", out)
		}
		want = append(want[:len(want):len(want)], reported)
	}
	host.HaveArrived(t, l.Spans(), want)
}

var plain = receiver.Options{Plain: true}

func TestHosts(t *testing.T) {
	install(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			for _, d := range []struct {
				name, what string
				variable   func(*testing.T) string
				file       string // of the user's switches
				want       outcome
				arrives    []string
			}{
				{"report", "plain", nil, "", outcome{"open 0\n", 0}, []string{reported}},
				{"offline", "plain", func(t *testing.T) string { return "RUNSPAN_ENDPOINT=" + host.Nobody(t) }, "", outcome{"open 0\n", 0}, []string{reported}},
				{"killed", "killed", nil, "", outcome{"open 0\n", 1}, []string{aborted}},
				{"a variable", "plain", func(*testing.T) string { return "DO_NOT_TRACK=1" }, "", outcome{"open 3\n", 0}, nil},
				{"the tool's variable", "plain", func(*testing.T) string { return "EVERY_KIND_NO_TELEMETRY=1" }, "", outcome{"open 1\n", 0}, nil},
				{"a file", "plain", nil, "off", outcome{"open 5\n", 0}, nil},
				{"the tool's file", "plain", nil, "every-kind.off", outcome{"open 5\n", 0}, nil},
			} {
				t.Run(d.name, func(t *testing.T) {
					l := newLab(t, plain)
					if d.file != "" {
						if err := os.Mkdir(filepath.Join(l.profile, "runspan"), 0o700); err != nil {
							t.Fatal(err)
						}
						if err := os.WriteFile(filepath.Join(l.profile, "runspan", d.file), nil, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					var variables []string
					if d.variable != nil {
						variables = append(variables, d.variable(t))
					}
					if out := l.report(t, k, d.what, variables...); out != d.want {
						t.Errorf("%+v, want %+v", out, d.want)
					}
					if d.want.printed != "open 0\n" && l.waiting() > 0 {
						t.Error("it has written a report")
					}
					l.arrive(t, k, d.arrives)
				})
			}
			t.Run("two at once", func(t *testing.T) {
				l := newLab(t, plain)
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						if out := l.report(t, k, "plain"); out != (outcome{"open 0\n", 0}) {
							t.Errorf("%+v", out)
						}
					})
				}
				both.Wait()
				l.arrive(t, k, []string{reported, reported})
			})
			t.Run("a name", func(t *testing.T) {
				l := newLab(t, plain)
				if out := l.report(t, k, "plain", "RUNSPAN_ENDPOINT="+strings.Replace(l.Endpoint(), "127.0.0.1", "localhost", 1)); out != (outcome{"open 0\n", 0}) {
					t.Errorf("%+v", out)
				}
				if len(l.Spans()) == 0 {
					t.Error("the collector is not found by its name")
				}
				l.arrive(t, k, []string{reported})
			})
			t.Run("TLS", func(t *testing.T) {
				l := newLab(t, receiver.Options{})
				if out := l.report(t, k, "plain"); out != (outcome{"open 0\n", 0}) {
					t.Errorf("%+v", out)
				}
				if l.waiting() != 1 || len(l.Spans()) > 0 {
					t.Errorf("without the authority's certificate %d wait, and %d have arrived", l.waiting(), len(l.Spans()))
				}
				l.arrive(t, k, []string{reported}, "SSL_CERT_FILE="+onWindows(l.CAFile()))
			})
			t.Run("commands", func(t *testing.T) { commands(t, k) })
		})
	}
}

// commands are the user's.
func commands(t *testing.T, k kind) {
	l := newLab(t, plain)
	for _, step := range []struct{ word, want, opens string }{
		{"status", "telemetry  on", "open 0\n"},
		{"off", "telemetry  off: the user switched it off", "open 5\n"},
		{"status", "telemetry  off: the user switched it off", "open 5\n"},
		{"on", "telemetry  on", "open 0\n"},
	} {
		out := l.run(t, false, append(k.commands[:len(k.commands):len(k.commands)], step.word), "RUNSPAN_ENDPOINT="+l.Endpoint())
		if out.status != 0 || !strings.Contains(out.printed, step.want) {
			t.Errorf("%s: %+v, want %q", step.word, out, step.want)
		}
		if out := l.report(t, k, "plain"); out.printed != step.opens {
			t.Errorf("after %s a host prints %q, want %q", step.word, out.printed, step.opens)
		}
	}
}
