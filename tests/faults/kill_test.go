// SPDX-License-Identifier: MIT

package faults_test

import (
	"flag"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var kills = flag.Int("kills", 60, "how many hosts TestKilledHosts kills")

// TestKilledHosts kills hosts at random moments from their start to their exit,
// or has them end without a word. After one healthy run more, each that lived
// 50 ms past its begin has been reported, whole or as aborted.
func TestKilledHosts(t *testing.T) {
	tool := compileTool(t)
	r := listen(t, receiver.Options{})
	state := t.TempDir()
	env := host.Environment(t, state, to(r)...)
	ways := []struct {
		how    string
		signal syscall.Signal // 0: it is left alone
	}{
		{"end", syscall.SIGKILL}, {"end", syscall.SIGTERM}, {"end", syscall.SIGHUP}, {"end", syscall.SIGKILL},
		{"_exit", 0}, {"abort", 0}, {"exit", 0},
	}
	due := make(map[int]bool)
	for i := range *kills {
		way := ways[i%len(ways)]
		length := time.Duration(60+rand.IntN(200)) * time.Millisecond
		c, out := start(t, tool.command(i+1, 1, length, way.how, budget), env)
		var killed time.Time
		if way.signal != 0 {
			time.Sleep(rand.N(length + 50*time.Millisecond))
			killed = time.Now()
			_ = c.Process.Signal(way.signal)
		}
		result := finish(t, c, out)
		if killed.IsZero() || killed.After(result.ended) {
			killed = result.ended
		}
		if begun := result.said["begun"]; !begun.IsZero() && killed.Sub(begun) >= 50*time.Millisecond {
			due[i+1] = true
		}
	}
	tool.deliver(t, state, env, 0) // one run
	reports, whole, aborted := 0, 0, 0
	ids := make(map[int]string)
	for _, s := range r.Spans() {
		number, isAborted := mark(s.Span)
		if number < 1 {
			continue // one killed before it had set the attribute
		}
		reports++
		if id, again := ids[number]; again {
			if id != string(s.SpanId) {
				t.Errorf("run %d was reported under two ids", number)
			}
			continue
		}
		ids[number] = string(s.SpanId)
		if isAborted {
			aborted++
		} else {
			whole++
		}
	}
	for number := range due {
		if _, ok := ids[number]; !ok {
			t.Errorf("run %d was not reported", number)
		}
	}
	if len(due) < *kills/3 || aborted == 0 {
		t.Errorf("it shows too little: %d were due, %d aborted", len(due), aborted)
	}
	t.Logf("%d hosts, %d of them due; reported: %d whole, %d aborted, %d of them twice", *kills, len(due), whole, aborted, reports-len(ids))
}
