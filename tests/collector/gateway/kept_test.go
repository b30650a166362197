// SPDX-License-Identifier: MIT

package gateway_test

import (
	"syscall"
	"testing"
	"time"
)

// Whatever ends it, what it has acknowledged is in the files, and it goes on.
func TestAcknowledgedReportsSurviveTheEnd(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "asked to": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
			c.start(t)
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				for range 3 {
					time.Sleep(700 * time.Millisecond)
					err := c.stop(t, signal)
					if signal == syscall.SIGTERM && err != nil {
						t.Errorf("it ended with %v", err)
					}
					c.start(t)
				}
				time.Sleep(300 * time.Millisecond)
			}()
			acknowledged, failed := c.load(t, 16, 1, stop)
			ids, _ := c.files(t)
			lost, twice := 0, 0
			for id := range acknowledged {
				if ids[id] == 0 {
					lost++
				}
			}
			for _, times := range ids {
				if times > 1 {
					twice++
				}
			}
			if lost > 0 || len(acknowledged) < 100 || failed == 0 || twice > 0 {
				t.Errorf("lost %d of %d, %d twice; %d requests failed", lost, len(acknowledged), twice, failed)
			}
			t.Logf("%d acknowledged, %d in the files, %d requests failed", len(acknowledged), len(ids), failed)
		})
	}
}

// The clock of the collector or of a client may be wrong. A report gets 200 and is kept, whatever its times are: a client
// throws away a report that gets 400, and sends another status again and again.
func TestReportsOfAnyTimeAreKept(t *testing.T) {
	c := newCollector(t)
	c.start(t)
	for _, days := range []int{-20000, -90, -2, 2, 90, 20000} {
		r := report(1)
		s := spansOf(r)[0]
		s.StartTimeUnixNano = uint64(time.Now().AddDate(0, 0, days).UnixNano())
		s.EndTimeUnixNano = s.StartTimeUnixNano + 1e9
		status, err := c.post(c.client(), encode(t, r))
		if ids, _ := c.files(t); err != nil || status != 200 || ids[id(s.SpanId)] != 1 {
			t.Errorf("%d days from now: status %d, %v; %d times in the files", days, status, err, ids[id(s.SpanId)])
		}
	}
}

// A disk that takes no more: what is acknowledged is there, the others are told
// to come back, and can when there is room.
func TestFullDisk(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.limit = "64"
	c.start(t)
	statuses := make(map[int]int)
	for range 100 {
		status, err := c.post(c.client(), encode(t, report(1)))
		must(t, err)
		statuses[status]++
	}
	ids, _ := c.files(t)
	if statuses[503] == 0 || statuses[200] == 0 || statuses[200] != len(ids) || len(statuses) != 2 {
		t.Errorf("%v, and %d spans kept", statuses, len(ids))
	}
	must(t, c.stop(t, syscall.SIGTERM))
	c.limit = "unlimited"
	c.start(t)
	if status, err := c.post(c.client(), encode(t, report(1))); status != 200 || err != nil {
		t.Errorf("with room again: %d, %v", status, err)
	}
	if now, _ := c.files(t); len(now) != len(ids)+1 {
		t.Errorf("%d spans, and then %d", len(ids), len(now))
	}
}
