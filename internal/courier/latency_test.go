// SPDX-License-Identifier: MIT

package courier_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"runspan/internal/courier"
	"runspan/internal/spool"
)

const (
	budget     = 300 * time.Millisecond
	shortRun   = 20 * time.Millisecond
	dueReports = 64
)

func newFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "service")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// tool is a run that lives for a while, reports, and ends, and how long it waits.
func tool(t *testing.T, endpoint string, network *courier.Network, folder, name string, lives time.Duration) (waited time.Duration) {
	t.Helper()
	s := start(t, endpoint, network, folder)
	if lives > 30*time.Millisecond {
		time.AfterFunc(30*time.Millisecond, func() { s.Expect(isRunning) })
	}
	time.Sleep(lives)
	s.put(t, name)
	begun := time.Now()
	if patience := s.ExitTimeout(budget, true); patience > 0 {
		s.finish(patience)
	}
	waited = time.Since(begun)
	s.close()
	return waited
}

// Short tools that are far away do not wait for what can't be done, and are counted
// all the same: by one run in many.
func TestShortToolsFarAway(t *testing.T) {
	const runs = 150
	for _, roundTrip := range []time.Duration{90, 160, 300} {
		roundTrip *= time.Millisecond
		c := &collector{}
		endpoint, network, relay := farAway(t, c, roundTrip)
		folder := newFolder(t)
		var sum, longest time.Duration
		for i := range runs {
			waited := tool(t, endpoint, network, folder, fmt.Sprint("run-", i), shortRun)
			longest = max(longest, waited)
			sum += waited
		}
		delivered := strings.Fields(c.came())
		slices.Sort(delivered)
		distinct := len(slices.Compact(delivered))
		left := len(spool.Entries(folder))
		t.Logf("%v away: a run waits %v in the mean, %v at most; %d delivered (%d times), %d wait, %d connections", roundTrip, sum/runs, longest, distinct, len(strings.Fields(c.came())), left, relay.Accepted())
		if mean := sum / runs; mean > 30*time.Millisecond {
			t.Errorf("%v away: a run waits %v in the mean", roundTrip, mean)
		}
		if longest > 1100*time.Millisecond {
			t.Errorf("%v away: a run waits %v", roundTrip, longest)
		}
		if distinct+left < runs || left > dueReports {
			t.Errorf("%v away: %d are delivered, %d wait", roundTrip, distinct, left)
		}
	}
}

// A batch that has waited for ten minutes is due, even if it is the only one.
func TestOldReportsAreDue(t *testing.T) {
	for _, test := range []struct {
		age  time.Duration
		want bool
	}{{9 * time.Minute, false}, {11 * time.Minute, true}} {
		c := &collector{}
		endpoint, network, _ := farAway(t, c, 160*time.Millisecond)
		folder := newFolder(t)
		other := spool.Open(folder, spool.Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
		other.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: 480 * time.Millisecond})
		tool(t, endpoint, network, folder, "old", shortRun)
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries { // its name says when it was made
			if id, rest, ok := strings.Cut(e.Name(), "-"); ok {
				made := time.Now().Add(-test.age).UnixNano()
				if err := os.Rename(filepath.Join(folder, e.Name()), filepath.Join(folder, fmt.Sprintf("%016x-%s", made, rest))); err != nil || len(id) != 16 {
					t.Fatal(err)
				}
			}
		}
		tool(t, endpoint, network, folder, "new", shortRun)
		if came := strings.Contains(c.came(), "old"); came != test.want {
			t.Errorf("after %v: came %q", test.age, c.came())
		}
	}
}

// Runs that are longer deliver by themselves, what has waited too, over the
// connection that they made ahead; in a fresh home as well.
func TestLongerRunsFarAway(t *testing.T) {
	c := &collector{}
	endpoint, network, _ := farAway(t, c, 160*time.Millisecond)
	folder := newFolder(t)
	tool(t, endpoint, network, folder, "first", shortRun)
	tool(t, endpoint, network, folder, "second", shortRun)
	if c.came() != "" {
		t.Fatalf("came %q", c.came())
	}
	waited := tool(t, endpoint, network, folder, "third", time.Second)
	if came := strings.Fields(c.came()); len(came) != 3 || len(spool.Entries(folder)) != 0 {
		t.Errorf("came %q", came)
	}
	if waited > 250*time.Millisecond {
		t.Errorf("it waited %v", waited)
	}
	waited = tool(t, endpoint, network, newFolder(t), "fresh", time.Second)
	if !strings.Contains(c.came(), "fresh") || waited > 250*time.Millisecond {
		t.Errorf("came %q, it waited %v", c.came(), waited)
	}
}

// Where the way has become short the runs that follow wait again, once one has seen
// it; and one whose time is its own waits for as long as that.
func TestLatencyFalls(t *testing.T) {
	c := &collector{}
	endpoint, network, _ := farAway(t, c, 0)
	folder := newFolder(t)
	other := spool.Open(folder, spool.Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
	other.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: 480 * time.Millisecond})
	if waited := tool(t, endpoint, network, folder, "away", shortRun); waited > 100*time.Millisecond || c.came() != "" {
		t.Errorf("far away it waits %v, came %q", waited, c.came())
	}
	tool(t, endpoint, network, folder, "long", 300*time.Millisecond)
	tool(t, endpoint, network, folder, "short", shortRun)
	if came := c.came(); !strings.Contains(came, "long") || !strings.Contains(came, "away") || !strings.Contains(came, "short") {
		t.Errorf("came %q", came)
	}
	if d := other.Latency(); d != (spool.Latency{}) {
		t.Errorf("the distance is %v", d)
	}
	other.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: 480 * time.Millisecond})
	s := start(t, endpoint, network, folder)
	s.put(t, "own")
	if delivered, _ := s.finish(5 * time.Second); !delivered {
		t.Errorf("came %q", c.came())
	}
	other.SetLatency(spool.Latency{MeasuredAt: time.Now().Add(-11 * time.Minute), Duration: 480 * time.Millisecond})
	if d := other.Latency(); d != (spool.Latency{}) {
		t.Errorf("an old distance is believed: %v", d)
	}
}

// A collector that never answers costs one run its budget.
func TestHangingCollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	folder := newFolder(t)
	for i, want := range []time.Duration{budget, 0, 0} {
		waited := tool(t, "http://"+silent.Addr().String(), &courier.Network{}, folder, "a", shortRun)
		if waited < want || waited > want+100*time.Millisecond {
			t.Errorf("run %d waits %v", i, waited)
		}
	}
}

// Reports that come together and are refused are sent one by one: it may be one of
// them that is no good.
func TestRefusedTogether(t *testing.T) {
	c := &collector{}
	var refusals int
	endpoint, network, _ := farAway(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c.ServeHTTP(httptest.NewRecorder(), r); strings.Contains(lastOf(c), "bad") {
			refusals++
			w.WriteHeader(http.StatusBadRequest)
		}
	}), 100*time.Millisecond)
	folder := newFolder(t)
	for _, name := range []string{"one", "bad", "two"} {
		other := spool.Open(folder, spool.Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour}, anything, func(string) {})
		other.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: 300 * time.Millisecond})
		tool(t, endpoint, network, folder, name, shortRun)
	}
	s := start(t, endpoint, network, folder)
	s.flush(10 * time.Second)
	eventually(t, "delivery", func() bool { return s.store.IsIdle() })
	if came := strings.Fields(c.came()); len(came) != 6 || refusals != 2 {
		t.Errorf("came %q, %d refusals", came, refusals)
	}
}

func lastOf(c *collector) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}
