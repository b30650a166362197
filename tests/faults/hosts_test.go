// SPDX-License-Identifier: MIT

// Package faults_test runs hosts of the built library where something goes
// wrong: the collector (faults_test.go), the host itself (kill_test.go), many
// of them at once (crowd_test.go), the disk (disk_test.go, disk_root_test.go), or all goes too fast
// (loop_test.go).
package faults_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

const (
	// What the hosts tell runspan_close.
	budget = 300 * time.Millisecond
	// How much longer a host's exit may take, on a machine that does other
	// things as well.
	margin  = 150 * time.Millisecond
	markKey = "params.contact_map_resolution"
)

// run is a host that has ended.
type run struct {
	said   map[string]time.Time // what the host said, and when that was
	code   map[string]int       // with which code
	ended  time.Time            // when the process was gone
	signal syscall.Signal       // that ended it
}

// sinceEnd is the time from the span's end to the process's.
func (r run) sinceEnd() time.Duration { return r.ended.Sub(r.said["ended"]) }

// inClose is the time that the host waited for runspan_close.
func (r run) inClose() time.Duration { return r.said["closed"].Sub(r.said["closing"]) }

func start(t testing.TB, command []string, env []string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	c := exec.Command(command[0], command[1:]...)
	c.Env = env
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	c.Dir = t.TempDir()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// finish waits for a host, and reads what it said. It may not say anything else:
// runspan itself prints nothing.
func finish(t testing.TB, c *exec.Cmd, out *bytes.Buffer) run {
	t.Helper()
	timer := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	r := run{said: make(map[string]time.Time), code: make(map[string]int), ended: time.Now()}
	if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		r.signal = status.Signal()
	} else if err != nil {
		t.Fatalf("%v: %v\n%s", c.Args, err, out)
	}
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if line == "" {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("%v printed %q", c.Args, line)
		}
		nanoseconds, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		r.said[fields[0]] = time.Unix(0, nanoseconds)
		r.code[fields[0]], _ = strconv.Atoi(fields[2])
	}
	return r
}

// tool is the C host.
type tool struct{ path string }

func compileTool(t testing.TB) tool {
	return tool{host.Compile(t, append([]string{"hosts/tool.c"}, host.Link(t)...)...)}
}

func (c tool) command(mark, spans int, length time.Duration, how string, timeout time.Duration) []string {
	return []string{c.path, host.Schema, fmt.Sprint(mark), fmt.Sprint(spans), fmt.Sprint(length.Milliseconds()), how, fmt.Sprint(timeout.Milliseconds())}
}

// deliver runs healthy tools until nothing is left in the state folder's spool.
// A pause that a failure has begun is waited for.
func (c tool) deliver(t testing.TB, state string, env []string, patience time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		p, out := start(t, c.command(0, 0, 0, "end", 10*time.Second), env)
		finish(t, p, out)
		left := host.Waiting(t, state)
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d files are left in the spool", left)
		}
	}
}

func listen(t testing.TB, opt receiver.Options) *receiver.Receiver {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	r, err := receiver.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// to leads a host to a receiver.
func to(r *receiver.Receiver) []string {
	return []string{"RUNSPAN_ENDPOINT=" + r.Endpoint(), "SSL_CERT_FILE=" + r.CAFile()}
}

// mark returns the number that a tool has given the span, and whether the span
// was reported as aborted.
func mark(s *tracepb.Span) (number int, aborted bool) {
	number = -1
	for _, a := range s.Attributes {
		switch a.Key {
		case markKey:
			number = int(a.Value.GetIntValue())
		case "aborted":
			aborted = a.Value.GetBoolValue()
		}
	}
	return number, aborted
}

const (
	// A Python tool, as tool.c.
	pythonTool = `
import sys, time, runspan
def say(what, code=0):
    print(what, time.time_ns(), code, flush=True)
client = runspan.Client("stripepy", open(sys.argv[1], "rb").read())
say("opened", client.state)
with client.start_span("call") as span:
    span.set_attribute("params.contact_map_resolution", 1)
    span.set_status(runspan.Status.OK)
say("ended")
client.close()
`
	// StripePy itself, patched: its own command line, and its own exit.
	stripepy = `
import os, sys, time, runspan
def say(what):
    os.write(said, f"{what} {time.time_ns()} 0\n".encode())
def stamped_end(self, end=runspan.Span.end):
    end(self)
    say("ended")
def stamped_close(self, close=runspan.Client.close):
    say("closing")
    close(self)
    say("closed")
runspan.Span.end = stamped_end
runspan.Client.close = stamped_close
said = os.dup(1)
null = os.open(os.devnull, os.O_WRONLY)
os.dup2(null, 1)
os.dup2(null, 2)
sys.argv = ["stripepy", "download", "--list-only"]
from stripepy.main import main
sys.exit(main())
`
)

func asJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}
