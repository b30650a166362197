// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The distance is kept beside the pause, in the same file: neither ends the other.
func TestDistanceAndPause(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func() *Spool {
		return Open(path, Limits{Files: 10, Bytes: 1 << 20, Age: time.Hour}, func([]byte) error { return nil }, func(string) {})
	}
	now := time.UnixMilli(time.Now().UnixMilli())
	pause := Pause{Failures: 2, Since: now, Length: time.Minute}
	distance := Distance{Since: now, Length: 480 * time.Millisecond}
	check := func(what string, wantPause Pause, wantDistance Distance) {
		t.Helper()
		s := open()
		if p, d := s.Pause(), s.Distance(); p != wantPause || d != wantDistance {
			t.Errorf("%s: %v, %v", what, p, d)
		}
	}
	s := open()
	check("neither", Pause{}, Distance{})
	s.SetDistance(distance)
	check("distance", Pause{}, distance)
	s.SetPause(pause)
	check("both", pause, distance)
	s.SetPause(Pause{})
	check("the pause is over", Pause{}, distance)
	s.SetPause(pause)
	s.SetDistance(Distance{})
	check("no distance", pause, Distance{})
	s.SetPause(Pause{})
	if _, err := os.Stat(filepath.Join(path, pauseFile)); !os.IsNotExist(err) {
		t.Errorf("the file stays: %v", err)
	}
	s.SetDistance(Distance{Since: now.Add(-distanceAge - time.Second), Length: time.Second})
	check("an old distance", Pause{}, Distance{})
	s.SetDistance(Distance{Since: now.Add(time.Hour), Length: time.Second})
	check("of another clock", Pause{}, Distance{})
}
