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

// Pause is a time in which a spool sends nothing, after a failed attempt. It is in a
// file, so that later runs keep it too. The zero Pause is none.
type Pause struct {
	Failures    int  // failures in a row, of all processes of the service
	ByCollector bool // the collector has asked for this duration
	Start       time.Time
	Duration    time.Duration
}

// End returns the end of the pause.
func (p Pause) End() time.Time { return p.Start.Add(p.Duration) }

const (
	// The line goes on with failures, by collector, and start and duration in
	// milliseconds.
	pauseMagic = "runspan-pause-1"
	// LongestPause is the longest pause that a collector may ask for. The spool
	// ignores a longer one in a file.
	LongestPause = time.Hour
)

// Latency is the time that a delivery takes, from a new connection to the response. It
// is a lower bound if the delivery was interrupted. It is in the pause's file. The zero
// Latency is not known, or too short to matter.
type Latency struct {
	MeasuredAt time.Time
	Duration   time.Duration
}

const (
	// The line goes on with measured at and duration, in milliseconds.
	latencyMagic = "runspan-latency-1"
	// A latency is valid for this long, because a laptop may move to another network,
	// and an interrupted delivery may have been an exception.
	latencyAge = 10 * time.Minute
)

// Pause returns the pause that a process of the service has set last. If this process
// has set one that ends later, and could not write it, Pause returns that one.
func (s *Spool) Pause() Pause {
	s.mu.Lock()
	own := s.pause
	s.mu.Unlock()
	if s.folder == nil {
		return own
	}
	if p, _ := s.folder.pauseAndLatency(); p.End().After(own.End()) {
		return p
	}
	return own
}

// Latency returns the latency that a process of the service has set last. Any goroutine
// may call it.
func (s *Spool) Latency() (d Latency) {
	if s.folder != nil {
		_, d = s.folder.pauseAndLatency()
		return d
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.latency
}

// SetPause sets the pause; the zero Pause ends it.
func (s *Spool) SetPause(p Pause) {
	if p != (Pause{}) { // round it as the file does
		p.Start, p.Duration = time.UnixMilli(p.Start.UnixMilli()), p.Duration.Truncate(time.Millisecond)
	}
	s.mu.Lock()
	s.pause = p
	s.mu.Unlock()
	if s.folder != nil {
		_, d := s.folder.pauseAndLatency()
		s.writePause(p, d)
	}
}

// SetLatency sets the latency; the zero Latency removes it.
func (s *Spool) SetLatency(d Latency) {
	s.mu.Lock()
	s.latency = d
	s.mu.Unlock()
	if s.folder != nil {
		p, _ := s.folder.pauseAndLatency()
		s.writePause(p, d)
	}
}

// writePause writes the file.
func (s *Spool) writePause(p Pause, d Latency) {
	var text string
	if d != (Latency{}) {
		text += fmt.Sprintln(latencyMagic, d.MeasuredAt.UnixMilli(), d.Duration.Milliseconds())
	}
	if p != (Pause{}) {
		text += fmt.Sprintln(pauseMagic, p.Failures, p.ByCollector, p.Start.UnixMilli(), p.Duration.Milliseconds())
	}
	if text == "" {
		s.folder.remove(pauseFile) // mostly there is no such file
		return
	}
	_ = s.folder.with(func(root *os.Root) error { return replace(root, pauseFile, s.self, []byte(text), nil) })
}

// pauseAndLatency reads the file. Both are zero if they are not in the file.
func (d *folder) pauseAndLatency() (p Pause, l Latency) {
	content, err := d.read(pauseFile, 256)
	if err != nil {
		return Pause{}, Latency{}
	}
	now := time.Now()
	for line := range strings.Lines(string(content)) {
		if found := parsePause(line, now); found != (Pause{}) {
			p = found
		}
		if found := parseLatency(line, now); found != (Latency{}) {
			l = found
		}
	}
	return p, l
}

// parseLatency parses a line of the file. It returns the zero Latency if the line is
// not valid, is too old, or lies in the future because of another clock.
func parseLatency(text string, now time.Time) Latency {
	fields := strings.Fields(text)
	if len(fields) != 3 || fields[0] != latencyMagic || !strings.HasSuffix(text, "\n") {
		return Latency{}
	}
	since, err1 := strconv.ParseInt(fields[1], 10, 64)
	length, err2 := strconv.ParseInt(fields[2], 10, 64)
	d := Latency{time.UnixMilli(since), time.Duration(length) * time.Millisecond}
	if errors.Join(err1, err2) != nil || length < 0 || length > LongestPause.Milliseconds() ||
		d.MeasuredAt.After(now.Add(time.Second)) || now.Sub(d.MeasuredAt) > latencyAge {
		return Latency{}
	}
	return d
}

// parsePause parses a line of the file. It returns the zero Pause if the line is not
// valid, or lies in the future because of another clock.
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
		p.Start.After(now.Add(time.Second)) {
		return Pause{}
	}
	return p
}
