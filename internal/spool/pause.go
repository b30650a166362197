// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Pause is how long to leave the collector alone after an attempt failed. It is
// kept in the folder, so that the runs that follow know of it. The zero Pause is
// none.
type Pause struct {
	Failures int  // in a row, of all processes as far as they know of each other
	Asked    bool // the collector named the length
	Since    time.Time
	Length   time.Duration
}

// End returns when the pause is over.
func (p Pause) End() time.Time { return p.Since.Add(p.Length) }

const (
	// Then: failures, asked, since and length in milliseconds.
	pauseMagic = "runspan-pause-1"
	// LongestPause bounds what a collector may ask for, and what a file is
	// believed.
	LongestPause = time.Hour
)

// Distance is how long a delivery takes from here, or at the least, from a new
// connection to the answer. It is kept beside the pause. The zero Distance: it is
// not known, or no matter.
type Distance struct {
	Since  time.Time // when it was found
	Length time.Duration
}

const (
	// Then: since and length in milliseconds.
	distanceMagic = "runspan-distance-1"
	// A distance is believed for so long: a laptop comes home, and what was cut off
	// was perhaps for a moment only.
	distanceAge = 10 * time.Minute
)

// Pause returns what SetPause was given last, by whichever process; or by this
// one, where that ends later: it could not be written.
func (s *Spool) Pause() Pause {
	if s.folder == nil {
		return s.pause
	}
	if p, _ := s.folder.notes(); p.End().After(s.pause.End()) {
		return p
	}
	return s.pause
}

// Distance returns what SetDistance was given last, by whichever process. It may
// be called from any goroutine.
func (s *Spool) Distance() (d Distance) {
	if s.folder != nil {
		_, d = s.folder.notes()
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.distance
}

// SetPause keeps a pause; the zero Pause ends it.
func (s *Spool) SetPause(p Pause) {
	if p != (Pause{}) { // as the file has it
		p.Since, p.Length = time.UnixMilli(p.Since.UnixMilli()), p.Length.Truncate(time.Millisecond)
	}
	s.pause = p
	if s.folder != nil {
		_, d := s.folder.notes()
		s.note(p, d)
	}
}

// SetDistance keeps a distance; the zero Distance ends it.
func (s *Spool) SetDistance(d Distance) {
	s.mu.Lock()
	s.distance = d
	s.mu.Unlock()
	if s.folder != nil {
		p, _ := s.folder.notes()
		s.note(p, d)
	}
}

// note writes the file. Where there is no folder this process has what it says in
// memory alone.
func (s *Spool) note(p Pause, d Distance) {
	var text string
	if d != (Distance{}) {
		text += fmt.Sprintln(distanceMagic, d.Since.UnixMilli(), d.Length.Milliseconds())
	}
	if p != (Pause{}) {
		text += fmt.Sprintln(pauseMagic, p.Failures, p.Asked, p.Since.UnixMilli(), p.Length.Milliseconds())
	}
	if text == "" {
		s.folder.remove(pauseFile) // mostly there is none
		return
	}
	_ = s.folder.with(func(root *os.Root) error { return replace(root, pauseFile, s.self, []byte(text), nil) })
}

// notes reads the file; zero: it does not say.
func (d *folder) notes() (p Pause, far Distance) {
	content, err := d.read(pauseFile, 256)
	if err != nil {
		return Pause{}, Distance{}
	}
	now := time.Now()
	for line := range strings.Lines(string(content)) {
		if found := parsePause(line, now); found != (Pause{}) {
			p = found
		}
		if found := parseDistance(line, now); found != (Distance{}) {
			far = found
		}
	}
	return p, far
}

// parseDistance reads a distance. One that is none, or old, or of another clock, is
// none.
func parseDistance(text string, now time.Time) Distance {
	fields := strings.Fields(text)
	if len(fields) != 3 || fields[0] != distanceMagic || !strings.HasSuffix(text, "\n") {
		return Distance{}
	}
	since, err1 := strconv.ParseInt(fields[1], 10, 64)
	length, err2 := strconv.ParseInt(fields[2], 10, 64)
	d := Distance{time.UnixMilli(since), time.Duration(length) * time.Millisecond}
	if errors.Join(err1, err2) != nil || length < 0 || length > LongestPause.Milliseconds() ||
		d.Since.After(now.Add(time.Second)) || now.Sub(d.Since) > distanceAge {
		return Distance{}
	}
	return d
}

// parsePause reads a pause. One that is no pause, or of another clock, is none.
func parsePause(text string, now time.Time) Pause {
	fields := strings.Fields(text)
	if len(fields) != 5 || fields[0] != pauseMagic || !strings.HasSuffix(text, "\n") {
		return Pause{}
	}
	failures, err1 := strconv.Atoi(fields[1])
	asked, err2 := strconv.ParseBool(fields[2])
	since, err3 := strconv.ParseInt(fields[3], 10, 64)
	length, err4 := strconv.ParseInt(fields[4], 10, 64)
	p := Pause{failures, asked, time.UnixMilli(since), time.Duration(length) * time.Millisecond}
	if errors.Join(err1, err2, err3, err4) != nil || failures < 1 || length < 0 || length > LongestPause.Milliseconds() ||
		p.Since.After(now.Add(time.Second)) {
		return Pause{}
	}
	return p
}
