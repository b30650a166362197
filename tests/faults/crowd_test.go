// SPDX-License-Identifier: MIT

package faults_test

import (
	"net/http"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// failAThird turns every third request down.
func failAThird(n int, w http.ResponseWriter, _ *http.Request) bool {
	if n%3 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return n%3 == 0
}

// TestCrowd has many processes at once use one spool, with a collector that
// fails a third of the requests.
func TestCrowd(t *testing.T) {
	const (
		processes = 200
		patience  = 5 * time.Second // each has a hundredth of this machine, or less
	)
	tool := compileTool(t)
	r := listen(t, receiver.Options{Respond: failAThird})
	state := t.TempDir()
	env := host.Environment(t, state, to(r)...)
	var wait []func()
	for i := range processes {
		c, out := start(t, tool.command(i+1, 1, 0, "end", patience), env)
		wait = append(wait, func() {
			if result := finish(t, c, out); result.code["opened"]+result.code["begun"]+result.code["ended"] != 0 {
				t.Errorf("process %d: %s", i+1, asJSON(result.code))
			}
		})
	}
	for _, w := range wait {
		w()
	}
	left := host.Waiting(t, state)
	well := listen(t, receiver.Options{})
	tool.deliver(t, state, host.Environment(t, state, to(well)...), time.Minute)
	came := make(map[int]int)
	for n, request := range r.Requests() {
		if (n+1)%3 == 0 {
			continue // this one was turned down
		}
		for _, s := range request.Body.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans() {
			number, _ := mark(s)
			came[number]++
		}
	}
	for _, s := range well.Spans() {
		number, _ := mark(s.Span)
		came[number]++
	}
	total := 0
	for number := 1; number <= processes; number++ {
		if came[number] == 0 {
			t.Errorf("the span of process %d was lost", number)
		}
		total += came[number]
	}
	if twice := total - processes; twice > processes/100 {
		t.Errorf("%d came twice", twice)
	}
	t.Logf("%d processes; %d spans were left for later runs, %d came twice", processes, left, total-processes)
}
