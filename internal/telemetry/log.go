// SPDX-License-Identifier: MIT

package telemetry

import (
	"strings"
	"sync"
)

// Level is how much a log line matters.
type Level int

// LevelError is the level of what a strict client refuses, LevelSpan that of a span that
// a preview shows.
const (
	LevelDebug Level = iota
	LevelWarning
	LevelError
	LevelSpan
)

// Log takes a log line, on any goroutine.
type Log func(Level, string)

// Line is a log line.
type Line struct {
	Level Level
	Text  string
}

const (
	maxLines = 64   // that wait to be taken
	maxLine  = 1000 // bytes of one, but for a span's
)

// Lines are log lines that wait until somebody can take them. The zero value is
// ready for use.
type Lines struct {
	mu      sync.Mutex
	waiting []Line
}

// Add implements Log.
func (l *Lines) Add(at Level, text string) {
	if at != LevelSpan { // which is JSON, or a table of several lines
		text = oneLine(text)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) < maxLines {
		l.waiting = append(l.waiting, Line{at, text})
	}
}

// Take returns the lines that wait, and forgets them.
func (l *Lines) Take() []Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting
	l.waiting = nil
	return waiting
}

func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text[:min(len(text), maxLine)])
}
