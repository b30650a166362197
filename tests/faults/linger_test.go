// SPDX-License-Identifier: MIT

package faults_test

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"runspan/tests/host"
)

// lingering has a schema with a member linger_ms, or without it if linger is empty.
func lingering(t *testing.T, linger string) (schema string) {
	t.Helper()
	text, err := os.ReadFile(host.Schema)
	if err != nil {
		t.Fatal(err)
	}
	member := ""
	if linger != "" {
		member = `"linger_ms": ` + linger + `,`
	}
	schema = filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(schema, []byte(strings.Replace(string(text), "{", "{"+member, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return schema
}

// short is the command of a run of 20 ms with that schema, which ends like that.
func (c tool) short(schema string, mark int, how string) []string {
	command := c.command(mark, 1, 20*time.Millisecond, how, inProportion)
	command[1] = schema
	return command
}

// inHost is the environment of a host with the core in it, with a state folder and a
// collector.
func inHost(t *testing.T, state string, collector []string) []string {
	t.Helper()
	return host.Environment(t, state, append(collector, "RUNSPAN_OUT_OF_PROCESS=")...)
}

// beside is a process beside a host.
type beside struct {
	host     int
	resident int           // kB
	used     time.Duration // of processors
}

// inClose is the time that a host waited for runspan_close.
func inClose(r run) time.Duration { return r.said["closed"].Sub(r.said["ended"]) }

// allBeside returns the processes beside the hosts that use the library under test.
func allBeside(t *testing.T) map[int]beside {
	t.Helper()
	found := make(map[int]beside)
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		line, _ := os.ReadFile(folder + "/cmdline") // it may be gone by now
		words := strings.Split(string(line), "\x00")
		if len(words) < 3 || filepath.Base(words[0]) != "runspan-core" || filepath.Dir(words[0]) != host.Library(t) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(folder))
		var b beside
		b.host, _ = strconv.Atoi(words[2])
		b.used = time.Duration(number(folder+"/schedstat", 0))
		b.resident = number(folder+"/statm", 1) * os.Getpagesize() / 1024
		found[pid] = b
	}
	return found
}

// number reads a number in a file of /proc, 0 if there is none.
func number(path string, field int) (n int) {
	text, _ := os.ReadFile(path)
	if fields := strings.Fields(string(text)); len(fields) > field {
		n, _ = strconv.Atoi(fields[field])
	}
	return n
}

// besideHost counts the processes beside one host that has just ended. For a moment a
// process that begins has no command line, so besideHost looks for a while if there is
// none.
func besideHost(t *testing.T, pid int) (n int) {
	t.Helper()
	for deadline := time.Now().Add(300 * time.Millisecond); n == 0 && time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		n = countBeside(t, pid)
	}
	return n
}

func countBeside(t *testing.T, pid int) (n int) {
	t.Helper()
	for _, b := range allBeside(t) {
		if b.host == pid {
			n++
		}
	}
	return n
}

// waitForNone waits until no process is beside the host, and returns how long.
func waitForNone(t *testing.T, pid int, longest time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	for countBeside(t, pid) > 0 {
		if time.Since(begun) > longest {
			t.Fatalf("the process lives longer than %v", longest)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(begun)
}

// accepts is a collector that never answers, as a host's environment.
func accepts(t *testing.T) []string {
	t.Helper()
	address := host.Listen(t, func(c net.Conn) { readRequest(c); time.Sleep(time.Minute); c.Close() })
	return []string{"RUNSPAN_ENDPOINT=https://" + address + "/v1/traces"}
}

// TestShortRunsAreHandedOver has tools of 20 ms whose collector is too far away for
// them. The first run of a home waits for it; the next ones know better, and a process
// delivers.
func TestShortRunsAreHandedOver(t *testing.T) {
	tool, schema := compileTool(t), lingering(t, "3000")
	for _, roundTrip := range []time.Duration{0, 90, 160} {
		roundTrip *= time.Millisecond
		env, right := far(t, roundTrip)
		state := t.TempDir()
		const runs = 5
		for i := range runs {
			p, out := start(t, tool.short(schema, i, "end"), inHost(t, state, env))
			r := finish(t, p, out)
			n := besideHost(t, p.Process.Pid)
			lived := waitForNone(t, p.Process.Pid, 4*time.Second)
			t.Logf("%v away: close took %v, returned %d; %d process beside it, for %v", roundTrip, inClose(r), r.code["closed"], n, lived)
			if spans, err := right.WaitSpans(i+1, 5*time.Second); err != nil || len(spans) != i+1 {
				t.Fatalf("%d arrived: %v", len(spans), err)
			}
			if n > 1 || roundTrip == 0 && n > 0 || i > 0 && roundTrip > 0 && n != 1 {
				t.Errorf("%v away: %d processes beside it", roundTrip, n)
			}
			if i > 0 && inClose(r) > 50*time.Millisecond+margin {
				t.Errorf("close took %v", inClose(r))
			}
		}
		if left := host.Waiting(t, state); left > 0 {
			t.Errorf("%d wait", left)
		}
	}
}

// TestAProcessEndsAfterItsLinger has a collector that never answers.
func TestAProcessEndsAfterItsLinger(t *testing.T) {
	tool, state := compileTool(t), t.TempDir()
	p, out := start(t, tool.short(lingering(t, "1000"), 1, "end"), inHost(t, state, accepts(t)))
	r := finish(t, p, out)
	if n := besideHost(t, p.Process.Pid); n != 1 {
		t.Fatalf("%d processes beside it; close took %v, returned %d", n, inClose(r), r.code["closed"])
	}
	lived := waitForNone(t, p.Process.Pid, 10*time.Second)
	t.Logf("it lives %v", lived)
	if lived < 800*time.Millisecond || lived > 2*time.Second {
		t.Errorf("it lives %v", lived)
	}
	if left := host.Waiting(t, state); left != 1 {
		t.Errorf("%d wait", left)
	}
}

// TestNoProcessIsLeft has the hosts that must not have a process beside them.
func TestNoProcessIsLeft(t *testing.T) {
	tool := compileTool(t)
	collector := accepts(t) // it would hold a process for 3 s
	for _, c := range []struct {
		name, linger, how string
		around            []string
		pid               int // as the host sees itself; 0: as this process does
	}{
		{"without the member", "", "end", nil, 0},
		{"with 0", "0", "end", nil, 0},
		{"where the user wants none", "3000", "end", []string{"env", "RUNSPAN_OUT_OF_PROCESS=0"}, 0},
		{"PID 1", "3000", "end", []string{"unshare", "--pid", "--fork"}, 1},
		{"a subreaper", "3000", "subreaper", nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := t.TempDir()
			p, out := start(t, slices.Concat(c.around, tool.short(lingering(t, c.linger), 1, c.how)), inHost(t, state, collector))
			r := finish(t, p, out)
			pid := p.Process.Pid
			if c.pid != 0 {
				pid = c.pid
			}
			if n := besideHost(t, pid); n != 0 || r.code["closed"] != 21 {
				t.Errorf("%d processes beside it, close returned %d", n, r.code["closed"])
			}
			if left := host.Waiting(t, state); left != 1 {
				t.Errorf("%d wait", left)
			}
		})
	}
}

// TestAWaitingHostSeesNoProcess: a host that waits for all its children finds none.
func TestAWaitingHostSeesNoProcess(t *testing.T) {
	tool := compileTool(t)
	p, out := start(t, tool.short(lingering(t, "500"), 1, "wait"), inHost(t, t.TempDir(), accepts(t)))
	r := finish(t, p, out)
	if n := besideHost(t, p.Process.Pid); n != 1 || r.code["waited"] != 10 { // ECHILD
		t.Errorf("%d processes beside it, wait has the error %d", n, r.code["waited"])
	}
	waitForNone(t, p.Process.Pid, 10*time.Second)
}

// TestALoopOfShortRuns has a hundred tools one after the other: each report arrives
// once, and the processes that live at once are few.
func TestALoopOfShortRuns(t *testing.T) {
	tool, schema := compileTool(t), lingering(t, "3000")
	const runs = 100
	for _, roundTrip := range []time.Duration{90, 160} {
		roundTrip *= time.Millisecond
		env, right := far(t, roundTrip)
		state := t.TempDir()
		seen, most, resident := make(map[int]beside), 0, 0
		look := func() int {
			now := allBeside(t)
			maps.Copy(seen, now)
			most = max(most, len(now))
			sum := 0
			for _, b := range now {
				sum += b.resident
			}
			resident = max(resident, sum)
			return len(now)
		}
		var waited time.Duration
		for i := range runs {
			p, out := start(t, tool.short(schema, i, "end"), inHost(t, state, env))
			waited += inClose(finish(t, p, out))
			look()
		}
		for deadline := time.Now().Add(10 * time.Second); (look() > 0 || len(right.Spans()) < runs) && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		var used time.Duration
		for _, b := range seen {
			used += b.used
		}
		arrived := make(map[int]int)
		for _, s := range right.Spans() {
			n, _ := mark(s.Span)
			arrived[n]++
		}
		t.Logf("%v away: %d runs, %v in close in the mean; %d processes, %d at once, %d kB resident at once, %v of a processor each; %d arrived (%d times), %d wait", roundTrip, runs,
			waited/runs, len(seen), most, resident, used/time.Duration(max(len(seen), 1)), len(arrived), len(right.Spans()), host.Waiting(t, state))
		if len(arrived) != runs || len(right.Spans()) != runs || host.Waiting(t, state) != 0 {
			t.Errorf("%d arrived, %d times, %d wait", len(arrived), len(right.Spans()), host.Waiting(t, state))
		}
		if most > 40 {
			t.Errorf("%d processes at once", most)
		}
	}
}
