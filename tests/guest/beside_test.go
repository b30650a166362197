// SPDX-License-Identifier: MIT

package guest_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// The process beside a host: what it is, when it ends, and what becomes of the report
// where the host or the process is killed.

const (
	linger = 3 * time.Second // of the process, after the host's end
	slack  = time.Second     // of a busy machine
)

// obedient is a host that makes the calls that it is told to make.
type obedient struct {
	t       *testing.T
	process *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
}

func compileObedient(t *testing.T) string {
	t.Helper()
	return host.Compile(t, slices.Concat(sources, []string{"hosts/tel.c"}, host.Link(t))...)
}

// obey starts an obedient host, whose core is beside it.
func obey(t *testing.T, path string, env []string, change func(*exec.Cmd)) *obedient {
	t.Helper()
	h := &obedient{t: t, process: exec.Command(path, "obeys", host.Schema, filepath.Join(t.TempDir(), "facts"))}
	h.process.Env = env
	h.process.Stderr = os.Stderr
	if change != nil {
		change(h.process)
	}
	in, err := h.process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.in, h.answers = in, bufio.NewScanner(out)
	if err := h.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.process.Process.Kill(); _ = h.process.Wait() })
	return h
}

// tell has the host make a call; hear returns the call's code and how long it took.
func (h *obedient) tell(call string) { _, _ = io.WriteString(h.in, call+"\n") }

func (h *obedient) hear() (code int, took time.Duration) {
	h.t.Helper()
	var ms int
	if !h.answers.Scan() {
		h.t.Fatal("the host has ended")
	}
	if _, err := fmt.Sscan(h.answers.Text(), &code, &ms); err != nil {
		h.t.Fatal(err)
	}
	return code, time.Duration(ms) * time.Millisecond
}

// do has the host make calls, each of which is to return 0.
func (h *obedient) do(calls ...string) {
	h.t.Helper()
	for _, call := range calls {
		h.tell(call)
		if code, _ := h.hear(); code != 0 {
			h.t.Fatalf("%s returns %d", call, code)
		}
	}
}

// end ends the host, and returns how it ended.
func (h *obedient) end() string {
	_ = h.in.Close()
	_ = h.process.Wait()
	return h.process.ProcessState.String()
}

// beside is the process beside the host.
func (h *obedient) beside() int {
	h.t.Helper()
	if found := processesBeside(h.t, h.process.Process.Pid); len(found) == 1 {
		return found[0]
	} else {
		h.t.Fatalf("beside the host are %v", found)
	}
	return 0
}

// processesBeside are those beside the host, or beside any host if it is 0.
func processesBeside(t *testing.T, of int) (found []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		text, _ := os.ReadFile(file) // or it has ended
		words := strings.Split(string(text), "\x00")
		if filepath.Base(words[0]) != "runspan-core" || of != 0 && words[2] != strconv.Itoa(of) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, pid)
	}
	return found
}

// untilGone returns how long it takes until the process has ended.
func untilGone(t *testing.T, pid int) time.Duration {
	t.Helper()
	begun := time.Now()
	for time.Since(begun) < 30*time.Second {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return time.Since(begun)
		}
		time.Sleep(2 * time.Millisecond)
	}
	t.Fatal("the process beside does not end")
	return 0
}

// collector is one at hand, and the environment that leads hosts with a core beside
// them to it.
func collector(t *testing.T, state string, more ...string) (*receiver.Receiver, []string) {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	t.Setenv("HOST_BESIDE", "1")
	return r, host.Environment(t, state, append([]string{"RUNSPAN_ENDPOINT=" + r.Endpoint()}, more...)...)
}

// arrive waits for so many spans, whole and aborted, and that no more come.
func arrive(t *testing.T, r *receiver.Receiver, wantWhole, wantAborted int, patience time.Duration) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < patience && whole(r)+abortedOnes(r) < wantWhole+wantAborted; {
		time.Sleep(2 * time.Millisecond)
	}
	if whole(r) != wantWhole || abortedOnes(r) != wantAborted {
		t.Errorf("%d whole and %d aborted spans arrive, want %d and %d", whole(r), abortedOnes(r), wantWhole, wantAborted)
	}
}

func read(t *testing.T, format string, arguments ...any) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf(format, arguments...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// files are the descriptors of a process, with what they lead to.
func files(t *testing.T, pid int) map[string]string {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	leads := make(map[string]string)
	for _, fd := range all {
		leads[fd.Name()], _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
	}
	return leads
}

// The process beside has nothing of its host's: no descriptor, terminal, session,
// environment, folder, signals; and it is nobody's child that the host could notice.
func TestProcessBeside(t *testing.T) {
	c := compileObedient(t)
	_, env := collector(t, "", "A_SECRET=of the host's")
	open, err := os.Create(filepath.Join(t.TempDir(), "open"))
	if err != nil {
		t.Fatal(err)
	}
	h := obey(t, "/bin/sh", env, func(command *exec.Cmd) {
		command.ExtraFiles = []*os.File{open, open}
		command.Args = append([]string{"sh", "-c", `trap "" HUP INT; exec nice -n 2 "$@"`, "sh", c}, command.Args[1:]...)
		command.Dir = t.TempDir()
	})
	h.do("open", "begin")
	pid, of := h.beside(), h.process.Process.Pid
	_, rest, _ := strings.Cut(read(t, "/proc/%d/stat", pid), ") ")
	stat := strings.Fields(rest)
	of2, _ := syscall.Getpgid(of)
	status := read(t, "/proc/%d/status", pid)
	cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	for _, fact := range []struct{ name, got, want string }{
		{"process group", stat[2], strconv.Itoa(pid)},
		{"session", stat[3], strconv.Itoa(pid)},
		{"terminal", stat[4], "0"},
		{"nice", stat[16], "5"},
		{"environment", read(t, "/proc/%d/environ", pid), ""},
		{"working folder", cwd, "/"},
		{"children of the host", read(t, "/proc/%d/task/%d/children", of, of), ""},
		{"the host's group", strconv.Itoa(of2), strconv.Itoa(syscall.Getpgrp())},
	} {
		if fact.got != fact.want {
			t.Errorf("%s: %q, want %q", fact.name, fact.got, fact.want)
		}
	}
	if stat[1] == strconv.Itoa(of) {
		t.Error("it is the host's child")
	}
	for _, line := range strings.Split(status, "\n") {
		for _, kind := range []string{"SigBlk:", "SigIgn:"} {
			mask, found := strings.CutPrefix(line, kind)
			// It ignores SIGPIPE and SIGXFSZ; the host ignores SIGHUP and SIGINT here.
			if found && strings.Trim(mask, "\t0") != "" && (kind != "SigIgn:" || mask != "\t0000000001001000") {
				t.Errorf("%s %s", kind, mask)
			}
		}
	}
	hosts := files(t, of)
	for fd, leads := range files(t, pid) {
		if leads != "/dev/null" && slices.Contains([]string{hosts["0"], hosts["1"], hosts["3"], hosts["4"]}, leads) {
			t.Errorf("its descriptor %s is the host's %s", fd, leads)
		}
		if fd == "1" && leads != "/dev/null" || fd == "2" && leads != "/dev/null" {
			t.Errorf("its descriptor %s is %s", fd, leads)
		}
	}
	h.do("end", "close 5000")
	untilGone(t, pid)
	if state := read(t, "/proc/%d/task/%d/children", of, of); state != "" {
		t.Errorf("the host has the children %s", state)
	}
	if found := processesBeside(t, of); len(found) > 0 {
		t.Errorf("%v are left", found)
	}
	if ended := h.end(); ended != "exit status 0" {
		t.Error(ended)
	}
}

// Whatever ends the host and not the process beside it: the open span is reported as
// aborted at once, and not by the next run.
func TestHostIsKilledBesideItsCore(t *testing.T) {
	c := compileObedient(t)
	var terminal *os.File
	for _, by := range []struct {
		name   string
		change func(*exec.Cmd)
		kill   func(pid int)
	}{
		{"SIGKILL", nil, func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }},
		{"SIGTERM", nil, func(pid int) { _ = syscall.Kill(pid, syscall.SIGTERM) }},
		{"SIGKILL of its process group", group, func(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }},
		{"SIGINT of its process group", group, func(pid int) { _ = syscall.Kill(-pid, syscall.SIGINT) }},
		{"its terminal hangs up", func(c *exec.Cmd) { terminal = onTerminal(t, c) }, func(int) { _ = terminal.Close() }},
		{"SIGKILL, a child of it lives on", func(c *exec.Cmd) { group(c); c.Args = append(c.Args, "fork") }, func(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }},
	} {
		t.Run(by.name, func(t *testing.T) {
			r, env := collector(t, "")
			h := obey(t, c, env, by.change)
			h.do("open", "begin", "attr")
			pid, of := h.beside(), h.process.Process.Pid
			if h.process.Args[len(h.process.Args)-1] == "fork" {
				h.do("fork")
				t.Cleanup(func() { _ = syscall.Kill(-of, syscall.SIGKILL) })
			}
			time.Sleep(50 * time.Millisecond)
			by.kill(of)
			killed := time.Now()
			arrive(t, r, 0, 1, linger)
			t.Logf("it arrives after %v", time.Since(killed).Round(time.Millisecond))
			if took := untilGone(t, pid); took > linger+slack {
				t.Errorf("the process beside ends after %v", took)
			}
			next := obey(t, c, env, nil)
			next.do("open", "one", "close 5000")
			arrive(t, r, 1, 1, 0)
		})
	}
}

// A host that executes a program which does not open the service goes on: the span is
// reported as aborted by the next run after the host's end, as by a core in the host.
func TestHostExecutesAnother(t *testing.T) {
	c := compileObedient(t)
	r, env := collector(t, "")
	run := func() {
		next := obey(t, c, env, nil)
		next.do("open", "one", "close 5000")
		next.end()
	}
	h := obey(t, c, env, nil)
	h.do("open", "begin", "attr")
	pid := h.beside()
	time.Sleep(100 * time.Millisecond)
	h.tell("exec")
	if took := untilGone(t, pid); took > linger {
		t.Errorf("the process beside ends after %v", took)
	}
	run()
	arrive(t, r, 1, 0, 0)
	h.end()
	run()
	arrive(t, r, 2, 1, slack)
}

func group(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// onTerminal makes the host the leader of a session with a terminal of its own, and
// returns the other end.
func onTerminal(t *testing.T, c *exec.Cmd) *os.File {
	t.Helper()
	// Under nohup this process, and so the host, would ignore that its terminal hangs up.
	hangsUp := make(chan os.Signal, 1)
	signal.Notify(hangsUp, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangsUp) })
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, unlocked := uint32(0), int32(0)
	ioctl(t, other, syscall.TIOCSPTLCK, &unlocked)
	ioctl(t, other, syscall.TIOCGPTN, &number)
	its, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = its.Close() })
	c.ExtraFiles = []*os.File{its}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	return other
}

// groupOf makes a control group of version 2.
func groupOf(t *testing.T) string {
	t.Helper()
	for _, parent := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(parent + "/cgroup.controllers"); err != nil {
			continue
		}
		group, err := os.MkdirTemp(parent, "runspan-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = os.WriteFile(group+"/cgroup.kill", []byte("1"), 0o600)
			for begun := time.Now(); os.Remove(group) != nil && time.Since(begun) < 5*time.Second; {
				time.Sleep(10 * time.Millisecond)
			}
		})
		return group
	}
	t.Fatal("there are no control groups of version 2 here")
	return ""
}

// into runs the host in the control group.
func into(group string) func(*exec.Cmd) {
	return func(c *exec.Cmd) {
		c.Args = append([]string{"sh", "-c", "echo $$ > " + group + `/cgroup.procs && exec "$@"`, "sh"}, append([]string{c.Path}, c.Args[1:]...)...)
		c.Path = "/bin/sh"
	}
}

// Where a control group is killed both end. The next run reports the host's.
func TestControlGroupIsKilled(t *testing.T) {
	c := compileObedient(t)
	r, env := collector(t, "")
	in := groupOf(t)
	h := obey(t, c, env, into(in))
	h.do("open", "begin", "attr")
	pid := h.beside()
	time.Sleep(100 * time.Millisecond)
	if err := os.WriteFile(in+"/cgroup.kill", []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	untilGone(t, pid)
	arrive(t, r, 0, 0, 0)
	next := obey(t, c, env, nil)
	next.do("open", "one", "close 5000")
	arrive(t, r, 1, 1, linger)
}

// The process beside is killed: the host's calls return at once, and its report comes
// with the next run, as far as it is on disk; once, or twice under the same ids.
func TestProcessBesideIsKilled(t *testing.T) {
	c := compileObedient(t)
	for _, at := range []struct {
		name           string
		before, after  []string
		hangs          bool
		whole, aborted int
	}{
		{"before begin", []string{"open"}, []string{"begin", "attr", "end", "close 5000"}, false, 0, 0},
		{"in a span", []string{"open", "begin", "attr"}, []string{"attr", "end", "close 5000"}, false, 0, 1},
		{"after end", []string{"open", "begin", "attr", "end"}, []string{"one", "close 5000"}, true, 1, 0},
		{"after close", []string{"open", "begin", "attr", "end", "close 0"}, []string{"one"}, true, 1, 0},
	} {
		t.Run(at.name, func(t *testing.T) {
			state := t.TempDir()
			r, env := collector(t, state)
			first := env
			if at.hangs {
				first = append(slices.Clone(env), "RUNSPAN_ENDPOINT="+hole(t))
			}
			h := obey(t, c, first, nil)
			for _, call := range at.before {
				h.tell(call)
				h.hear()
			}
			pid := h.beside()
			time.Sleep(100 * time.Millisecond)
			_ = syscall.Kill(pid, syscall.SIGKILL)
			untilGone(t, pid)
			for _, call := range at.after {
				h.tell(call)
				code, took := h.hear()
				t.Logf("%s returns %d after %v", call, code, took)
				if took > 100*time.Millisecond {
					t.Errorf("%s takes %v", call, took)
				}
			}
			if ended := h.end(); ended != "exit status 0" {
				t.Error(ended)
			}
			deliverAll(t, c, state, env, r, at.whole, at.aborted)
		})
	}
}

// deliverAll has runs follow until nothing is left, and counts what arrives but for
// their own spans.
func deliverAll(t *testing.T, c, state string, env []string, r *receiver.Receiver, wantWhole, wantAborted int) {
	t.Helper()
	runs := 0
	for begun := time.Now(); runs == 0 || host.Waiting(t, state) > 0 && time.Since(begun) < 20*time.Second; runs++ {
		next := obey(t, c, env, nil)
		next.do("open", "one")
		next.tell("close 5000")
		next.hear()
		next.end()
		time.Sleep(200 * time.Millisecond)
	}
	arrive(t, r, wantWhole+runs, wantAborted, 0)
}

// The process beside is killed while the host waits in close.
func TestProcessBesideIsKilledInClose(t *testing.T) {
	c := compileObedient(t)
	state := t.TempDir()
	r, env := collector(t, state)
	h := obey(t, c, append(slices.Clone(env), "RUNSPAN_ENDPOINT="+hole(t)), nil)
	h.do("open", "begin", "end")
	pid := h.beside()
	h.tell("close 20000")
	time.Sleep(300 * time.Millisecond)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	if code, took := h.hear(); took > 2*time.Second || code == 0 {
		t.Errorf("close returns %d after %v", code, took)
	}
	deliverAll(t, c, state, env, r, 1, 0)
}

// The process beside is stopped, as a frozen control group's is. All calls together
// cost the host no more than this.
func TestProcessBesideIsStopped(t *testing.T) {
	const atMost = time.Second
	c := compileObedient(t)
	state := t.TempDir()
	r, env := collector(t, state)
	h := obey(t, c, env, nil)
	h.do("open", "begin")
	pid := h.beside()
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	var all time.Duration
	for range 200 {
		h.tell("attr")
		_, took := h.hear()
		all += took
	}
	if all > atMost {
		t.Errorf("200 calls take %v", all)
	}
	t.Logf("200 calls take %v", all)
	_ = syscall.Kill(pid, syscall.SIGCONT)
	h.do("end", "close 5000")
	arrive(t, r, 1, 0, linger)
}

// Who waits until all of the host's processes have gone, as a batch queue or a tracer
// does, waits for the process beside, too.
func TestHeldByProcessBeside(t *testing.T) {
	c := compileObedient(t)
	var table strings.Builder
	fmt.Fprint(&table, "| the collector | close waits, up to 0.25 s | and then the process beside is there | it is, after a SIGKILL in a span |\n| --- | ---: | ---: | ---: |\n")
	for _, is := range []struct {
		name     string
		endpoint func(t *testing.T, near string) string
	}{
		{"at hand", func(_ *testing.T, near string) string { return near }},
		{"90 ms away", func(t *testing.T, near string) string {
			relay, err := receiver.NewRelay(strings.TrimSuffix(strings.TrimPrefix(near, "http://"), "/v1/traces"), 90*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(relay.Close)
			return "http://" + relay.Address() + "/v1/traces"
		}},
		{"hangs", func(t *testing.T, _ string) string { return hole(t) }},
		{"absent", func(*testing.T, string) string { return "http://127.0.0.1:9/v1/traces" }},
	} {
		t.Run(is.name, func(t *testing.T) {
			var closes, held, killed time.Duration
			for _, how := range []string{"close", "kill"} {
				r, env := collector(t, "")
				in := groupOf(t)
				h := obey(t, c, append(env, "RUNSPAN_ENDPOINT="+is.endpoint(t, r.Endpoint())), into(in))
				h.do("open", "begin", "attr")
				time.Sleep(100 * time.Millisecond)
				if how == "close" {
					h.do("end")
					h.tell("close 250")
					_, closes = h.hear()
					_ = h.in.Close()
				} else {
					_ = h.process.Process.Kill()
				}
				_ = h.process.Wait()
				begun := time.Now()
				for strings.Contains(read(t, "%s/cgroup.events", in), "populated 1") && time.Since(begun) < 20*time.Second {
					time.Sleep(time.Millisecond)
				}
				took := time.Since(begun)
				if took > linger+slack {
					t.Errorf("after %s the control group is held for %v", how, took)
				}
				if how == "close" {
					held = took
				} else {
					killed = took
				}
			}
			fmt.Fprintf(&table, "| %s | %.2f s | %.2f s | %.2f s |\n", is.name, closes.Seconds(), held.Seconds(), killed.Seconds())
		})
	}
	t.Log("\n" + table.String())
}

// A tracer of the host's does not wait for the process beside.
func TestTracerDoesNotWait(t *testing.T) {
	c := []string{compileObedient(t)}
	t.Setenv("HOST_BESIDE", "1")
	env := host.Environment(t, "", "RUNSPAN_ENDPOINT="+hole(t))
	run := slices.Concat(c, []string{"--", "exit-at-once"})
	alone := execute(t, run, env)
	o := execute(t, slices.Concat([]string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none"}, run), env)
	if o.took > alone.took+linger/2 || o.status != alone.status {
		t.Errorf("with strace -f it takes %v and ends with %s, without it %v and %s", o.took, o.status, alone.took, alone.status)
	}
}

var crowd = flag.Int("crowd", 100, "how many hosts TestCrowdBeside starts at once")

// Many short hosts at once, each with its core beside it: each report arrives, once by
// its ids.
func TestCrowdBeside(t *testing.T) {
	c := compileObedient(t)
	state := t.TempDir()
	r, env := collector(t, state)
	hosts := make([]*obedient, *crowd)
	closed, gate, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for i := range hosts {
		hosts[i] = obey(t, c, env, func(c *exec.Cmd) { c.ExtraFiles = []*os.File{closed} })
		hosts[i].tell("gate\nopen\nbegin\nattr\nend\nclose 5000")
		_ = hosts[i].in.Close()
	}
	time.Sleep(slack)
	begun := time.Now()
	_ = gate.Close() // of all of them at once
	var most, memory, off int
	var longest int // of open, in ms
	ended := make(chan struct{})
	go func() {
		for _, h := range hosts {
			for n := 0; h.answers.Scan(); n++ {
				var code, ms int
				_, _ = fmt.Sscan(h.answers.Text(), &code, &ms)
				if n == 1 {
					longest = max(longest, ms)
				}
				if n == 1 && code != 0 {
					off++
				}
			}
			_ = h.process.Wait()
		}
		close(ended)
	}()
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(50 * time.Millisecond):
		}
		found := processesBeside(t, 0)
		sum := 0
		for _, pid := range found[:min(len(found), 20)] {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)) // or it has ended
			if _, rest, ok := strings.Cut(string(text), "\nPss:"); ok {
				var kib int
				_, _ = fmt.Sscan(rest, &kib)
				sum += kib
			}
		}
		most, memory = max(most, len(found)), max(memory, sum/max(1, min(len(found), 20)))
	}
	t.Logf("%d hosts in %v, %d of them off; open takes up to %d ms; up to %d processes beside them, each with %d MiB",
		*crowd, time.Since(begun).Round(time.Millisecond), off, longest, most, memory>>10)
	for _, h := range hosts {
		if state := h.process.ProcessState; !state.Success() {
			t.Errorf("a host ends with %v", state)
		}
	}
	for begun := time.Now(); len(processesBeside(t, 0)) > 0 && time.Since(begun) < linger+slack; {
		time.Sleep(10 * time.Millisecond)
	}
	requests := 0
	for range r.Spans() {
		requests++
	}
	t.Logf("%d spans arrive at once, %d of them twice; %d files are left", whole(r), requests-whole(r), host.Waiting(t, state))
	deliverAll(t, c, state, env, r, *crowd-off, 0)
}
