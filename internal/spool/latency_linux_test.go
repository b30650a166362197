// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The latency is kept beside the pause, in the same file: neither ends the other.
func TestLatencyAndPause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func() *Spool {
		return Open(path, Limits{Files: 10, Bytes: 1 << 20, Age: time.Hour}, func([]byte) error { return nil }, func(string) {})
	}
	now := time.UnixMilli(time.Now().UnixMilli())
	pause := Pause{Failures: 2, Start: now, Duration: time.Minute}
	latency := Latency{MeasuredAt: now, Duration: 480 * time.Millisecond}
	check := func(what string, wantPause Pause, wantDistance Latency) {
		t.Helper()
		s := open()
		if p, d := s.Pause(), s.Latency(); p != wantPause || d != wantDistance {
			t.Errorf("%s: %v, %v", what, p, d)
		}
	}
	s := open()
	check("neither", Pause{}, Latency{})
	s.SetLatency(latency)
	check("latency", Pause{}, latency)
	s.SetPause(pause)
	check("both", pause, latency)
	s.SetPause(Pause{})
	check("the pause is over", Pause{}, latency)
	s.SetPause(pause)
	s.SetLatency(Latency{})
	check("no latency", pause, Latency{})
	s.SetPause(Pause{})
	if _, err := os.Stat(filepath.Join(path, pauseFile)); !os.IsNotExist(err) {
		t.Errorf("the file stays: %v", err)
	}
	s.SetLatency(Latency{MeasuredAt: now.Add(-latencyAge - time.Second), Duration: time.Second})
	check("an old latency", Pause{}, Latency{})
	s.SetLatency(Latency{MeasuredAt: now.Add(time.Hour), Duration: time.Second})
	check("of another clock", Pause{}, Latency{})
}
