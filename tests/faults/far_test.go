// SPDX-License-Identifier: MIT

package faults_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// inProportion is RUNSPAN_DEFAULT_TIMEOUT_MS.
const inProportion = 0xFFFFFFFF * time.Millisecond

// far has a collector that is a round trip away, as a host's environment.
func far(t *testing.T, roundTrip time.Duration) (env []string, right *receiver.Receiver) {
	t.Helper()
	right = listen(t, receiver.Options{})
	endpoint, err := url.Parse(right.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	relay, err := receiver.NewRelay(endpoint.Host, roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	endpoint.Host = relay.Address()
	return []string{"RUNSPAN_ENDPOINT=" + endpoint.String(), "SSL_CERT_FILE=" + right.CAFile()}, right
}

// TestFarRuns has runs of a second, each in a new home: the exit waits for one round
// trip, and every report arrives.
func TestFarRuns(t *testing.T) {
	tool := compileTool(t)
	const runs = 3
	for _, roundTrip := range []time.Duration{0, 20, 50, 100, 160, 250} {
		roundTrip *= time.Millisecond
		t.Run(fmt.Sprint(roundTrip, " away"), func(t *testing.T) {
			t.Parallel() // most of a run is a sleep
			best := time.Hour
			for range runs { // the machine may be busy
				env, right := far(t, roundTrip)
				p, out := start(t, tool.command(1, 1, time.Second, "end", inProportion), host.Environment(t, t.TempDir(), env...))
				r := finish(t, p, out)
				best = min(best, r.sinceEnd())
				if n := len(right.Spans()); n != 1 || r.code["closed"] != 0 {
					t.Errorf("%d arrived, close returned %d", n, r.code["closed"])
				}
			}
			t.Logf("it waits %v", best)
			if best > roundTrip+15*time.Millisecond+margin {
				t.Errorf("it waits %v", best)
			}
		})
	}
}

// TestFarTools has tools of 20 ms, in one home: they do not wait, and one in many
// sends what all have left.
func TestFarTools(t *testing.T) {
	tool := compileTool(t)
	const runs = 140
	for _, roundTrip := range []time.Duration{90, 160, 300} {
		roundTrip *= time.Millisecond
		env, right := far(t, roundTrip)
		state := t.TempDir()
		var sum, longest time.Duration
		for i := range runs {
			p, out := start(t, tool.command(i, 1, 20*time.Millisecond, "end", inProportion), host.Environment(t, state, env...))
			waited := finish(t, p, out).sinceEnd()
			sum += waited
			longest = max(longest, waited)
		}
		host.AwaitCores(t) // which deliver what is counted as left
		marks := make(map[int]bool)
		for _, s := range right.Spans() {
			n, _ := mark(s.Span)
			marks[n] = true
		}
		left := host.Waiting(t, state)
		t.Logf("%v away: a run waits %v in the mean, %v at most; %d arrived (%d times), %d wait", roundTrip, sum/runs, longest, len(marks), len(right.Spans()), left)
		if mean := sum / runs; mean > 30*time.Millisecond {
			t.Errorf("%v away: a run waits %v in the mean", roundTrip, mean)
		}
		if len(marks)+left != runs || left > 64 {
			t.Errorf("%v away: %d arrived, %d wait", roundTrip, len(marks), left)
		}
	}
}
