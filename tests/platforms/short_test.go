// SPDX-License-Identifier: MIT

package platforms_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var schema = filepath.Join(host.Root, "tests", "data", "every-kind.json")

// reported is the span of a host, as it arrives: every kind of value.
const reported = `run ERROR choice="é" flag=true real=0.5 text=null whole=-3000000000 words=["a" "b c"] exception=ValueError service.version="1.2"`

// deeds are a host's actions, its output, its end, and the reports that have arrived when another
// host has run.
var deeds = []struct {
	what     string
	variable string
	offline  bool
	printed  string
	ends     string
	arrives  []string // before that of the other host
}{
	{"plain", "", false, "open 0\n", "exit status 0", []string{reported}},
	{"plain", "", true, "open 0\n", "exit status 0", []string{reported}},
	{"plain", "DO_NOT_TRACK=1", false, "open 3\n", "exit status 0", nil},
	{"killed", "", false, "open 0\n", "signal: killed", []string{"run ERROR aborted"}},
	{"forks", "", false, "open 0\nchild 3\n", "exit status 0", []string{reported}},
	{"plain", beside, false, "open 0\n", "exit status 0", []string{reported}},
	{"plain", beside, true, "open 0\n", "exit status 0", []string{reported}},
	{"killed", beside, false, "open 0\n", "signal: killed", []string{"run ERROR aborted"}},
	{"forks", beside, false, "open 0\nchild 3\n", "exit status 0", []string{reported}},
}

// beside has the core run in a process of its own.
const beside = "RUNSPAN_OUT_OF_PROCESS=1"

func TestPlatforms(t *testing.T) {
	for _, p := range platforms {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at := prepare(t, p)
			identify(t, at)
			for name := range at.hosts {
				t.Run(name, func(t *testing.T) {
					for _, d := range deeds {
						if d.variable == beside && p.under != nil {
							if d.what != "plain" || d.offline {
								continue
							}
							d.printed, d.arrives = "open 24\n", nil // the kernel does not execute another CPU's programs
						}
						t.Run(strings.TrimSpace(fmt.Sprint(d.what, " ", d.variable, " ", map[bool]string{true: "offline"}[d.offline])), func(t *testing.T) {
							l := newLab(t, at)
							endpoint := l.Endpoint()
							if d.offline {
								endpoint = host.Nobody(t)
							}
							out := l.host(t, name, d.what, "RUNSPAN_ENDPOINT="+endpoint, d.variable)
							if out.ends != d.ends || out.printed != d.printed {
								t.Errorf("it prints %q and ends with %q, want %q and %q", out.printed, out.ends, d.printed, d.ends)
							}
							l.arrive(t, d.arrives)
						})
					}
				})
			}
			t.Run("commands", func(t *testing.T) { commands(t, newLab(t, at)) })
		})
	}
}

// identify has the interpreter say what it is.
func identify(t *testing.T, at place) {
	t.Helper()
	ask := append(at.interpreter(), "-c", "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])")
	if out, err := exec.Command(ask[0], ask[1:]...).Output(); err != nil || string(out) != at.says+"\n" {
		t.Fatalf("%s says that it is %q, want %q: %v", at.python, out, at.says, err)
	}
}

// lab is a receiver, and a user's folders.
type lab struct {
	*receiver.Receiver
	at    place
	state string
	env   []string
}

func newLab(t *testing.T, at place) *lab {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	state := t.TempDir()
	return &lab{r, at, state, host.Environment(t, state, "PYTHONPATH="+at.site)}
}

// outcome is what is seen of a run; printed without the line on where it is.
type outcome struct{ printed, ends string }

// run runs a command. What it says on standard error is printed, too.
func (l *lab) run(t *testing.T, command []string, variables ...string) outcome {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Env = slices.Concat(l.env, slices.DeleteFunc(variables, func(v string) bool { return v == "" }))
	c.Dir = t.TempDir()
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	if command[len(command)-1] == "killed" {
		l.killLater(c.Process)
	}
	_ = c.Wait() // its state is the outcome
	return outcome{out.String(), c.ProcessState.String()}
}

// killLater kills a host once its open span is on the disk.
func (l *lab) killLater(p *os.Process) {
	for range 600 {
		if l.waiting() > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = p.Kill()
}

// forkWarning is what CPython prints from 3.12 on, of a process with threads;
// runspan has some. With runspan these are all such texts that are known.
var forkWarning = regexp.MustCompile(`\S+/host\.py:\d+: DeprecationWarning: This process \(pid=\d+\) is multi-threaded, use of fork\(\) may lead to deadlocks in the child\.
  child = os\.fork\(\)
`)

// host runs a host of hosts/, and has its first line say where it runs.
func (l *lab) host(t *testing.T, language, what string, variables ...string) outcome {
	t.Helper()
	command := l.at.hosts[language]
	out := l.run(t, append(command[:len(command):len(command)], schema, what), variables...)
	if what == "forks" && language == "Python" && l.at.warns() && !slices.Contains(variables, beside) {
		if found := forkWarning.FindAllString(out.printed, -1); len(found) != 1 {
			t.Errorf("%d warnings of fork, want 1: %q", len(found), out)
		}
		out.printed = forkWarning.ReplaceAllString(out.printed, "")
	}
	where, rest, _ := strings.Cut(out.printed, "\n")
	if !strings.HasPrefix(where, l.at.where) {
		t.Fatalf("it runs on %q, want %q: %q", where, l.at.where, out)
	}
	return outcome{rest, out.ends}
}

// arrive has the host in C run, to deliver what waits, and looks at what has arrived.
func (l *lab) arrive(t *testing.T, want []string) {
	t.Helper()
	for range 20 { // an attempt that has failed makes a pause
		l.host(t, "C", "plain", "RUNSPAN_ENDPOINT="+l.Endpoint())
		want = append(want[:len(want):len(want)], reported)
		if l.waiting() == 0 {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	host.HaveArrived(t, l.Spans(), want)
}

// waiting counts the files of the host's spool.
func (l *lab) waiting() (files int) {
	files, _ = host.WaitingIn(filepath.Join(l.state, "runspan", "every-kind")) // until there is one, none waits
	return files
}

// commands are the user's, by the interpreter.
func commands(t *testing.T, l *lab) {
	for _, step := range []struct{ word, want string }{
		{"status", "telemetry  on"},
		{"off", "telemetry  off: the user switched it off"},
		{"status", "telemetry  off: the user switched it off"},
		{"on", "telemetry  on"},
	} {
		out := l.run(t, append(l.at.interpreter(), "-m", "runspan", "--schema", schema, step.word), "RUNSPAN_ENDPOINT="+l.Endpoint())
		if out.ends != "exit status 0" || !strings.Contains(out.printed, step.want) {
			t.Errorf("runspan %s: %v, want %q", step.word, out, step.want)
		}
		opened := map[bool]string{true: "open 0\n", false: "open 5\n"}[step.want == "telemetry  on"]
		if host := l.host(t, "C", "plain", "RUNSPAN_ENDPOINT="+l.Endpoint()); host.printed != opened {
			t.Errorf("after runspan %s a host prints %q, want %q", step.word, host.printed, opened)
		}
	}
}
