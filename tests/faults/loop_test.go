// SPDX-License-Identifier: MIT

package faults_test

import (
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// TestLoop ends spans as fast as a host can. None is lost: where the collector
// is away, the next run delivers them.
func TestLoop(t *testing.T) {
	const spans = 100_000
	tool := compileTool(t)
	for _, up := range []bool{true, false} {
		r := listen(t, receiver.Options{Lean: true})
		state := t.TempDir()
		env := host.Environment(t, state, to(r)...)
		command := tool.command(1, spans, 0, "end", time.Minute)
		if up {
			p, out := start(t, command, env)
			if result := finish(t, p, out); result.code["ended"]+result.code["closed"] != 0 {
				t.Errorf("the host was told %s", asJSON(result.code))
			}
		} else {
			p, out := start(t, command, host.Environment(t, state, "RUNSPAN_ENDPOINT=https://"+closedPort(t)+"/v1/traces"))
			if result := finish(t, p, out); result.code["ended"] != 0 {
				t.Errorf("the host was told %s", asJSON(result.code))
			}
			tool.deliver(t, state, env, time.Minute)
		}
		host.AwaitCores(t)
		ids := make(map[string]bool)
		for _, request := range r.Requests() {
			for _, id := range request.SpanIDs {
				ids[id] = true
			}
		}
		if len(ids) != spans {
			t.Errorf("up %v: %d of %d spans arrived, %d files wait", up, len(ids), spans, host.Waiting(t, state))
		}
	}
}
