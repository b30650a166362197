// SPDX-License-Identifier: MIT

package telemetry

import (
	"strings"
	"sync"
)

// Level is the severity of a log line.
type Level int

// LevelError is the level of a strict client's refusals, LevelSpan that of a span in a
// preview.
const (
	LevelDebug Level = iota
	LevelWarning
	LevelError
	LevelSpan
)

// Log receives a log line. Any goroutine may call it.
type Log func(Level, string)

// Line is a log line.
type Line struct {
	Level Level
	Text  string
}

const (
	maxLines = 64   // lines in a Lines; more are dropped
	maxLine  = 1000 // bytes of a line, unless it has LevelSpan
)

// Lines is a queue of log lines. The zero value is ready for use.
type Lines struct {
	mu      sync.Mutex
	waiting []Line
}

// Add implements Log.
func (l *Lines) Add(at Level, text string) {
	if at != LevelSpan { // a span is JSON, or a table of several lines
		text = oneLine(text)
	}
	text = strings.ToValidUTF8(text, "\uFFFD")
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) < maxLines {
		l.waiting = append(l.waiting, Line{at, text})
	}
}

// Take returns the lines, and removes them from the queue.
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
