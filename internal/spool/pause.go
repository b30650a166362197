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

// Pause returns what SetPause was given last, by whichever process; or by this
// one, where that ends later: it could not be written.
func (s *Spool) Pause() Pause {
	if s.folder == nil {
		return s.pause
	}
	if p := s.folder.pause(); p.End().After(s.pause.End()) {
		return p
	}
	return s.pause
}

// pause reads the file; the zero Pause: there is none.
func (d *folder) pause() Pause {
	content, err := d.read(pauseFile, 128)
	if err != nil {
		return Pause{}
	}
	return parsePause(string(content), time.Now())
}

// SetPause keeps a pause; the zero Pause ends it.
func (s *Spool) SetPause(p Pause) {
	if p != (Pause{}) { // as the file has it
		p.Since, p.Length = time.UnixMilli(p.Since.UnixMilli()), p.Length.Truncate(time.Millisecond)
	}
	s.pause = p
	if s.folder == nil {
		return
	}
	if p == (Pause{}) {
		s.folder.remove(pauseFile) // mostly there is none
		return
	}
	text := fmt.Sprintln(pauseMagic, p.Failures, p.Asked, p.Since.UnixMilli(), p.Length.Milliseconds())
	// Where there is no folder this process has the pause in memory alone.
	_ = s.folder.with(func(root *os.Root) error { return replace(root, pauseFile, s.self, []byte(text), nil) })
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
