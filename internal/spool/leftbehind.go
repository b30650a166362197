// SPDX-License-Identifier: MIT

package spool

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const (
	// Heartbeat is how often a process that keeps a standby writes it anew.
	Heartbeat = 10 * time.Minute
	// A process that can't be asked after is taken for dead when its file has
	// not been touched for so long.
	deadAfter = 3 * Heartbeat
	// Files that were set aside.
	maxBad = 16
)

// leftBehind looks through the folder once. It returns what may be delivered:
// files that are free, and those whose process is gone. Along the way it removes
// what is too old or was never finished.
//
// The order is random, so that a thousand processes that find the same files do
// not all begin with the same one.
func (s *Spool) leftBehind() []*Batch {
	files, removed, err := s.folder.list(s.limits.Files)
	for range removed {
		s.log(full)
	}
	if err != nil {
		return nil // there is no folder, or it can't be read: nothing to deliver
	}
	dead := s.deadOwners(files)
	var batches []*Batch
	var aside []file
	for _, f := range files {
		tooOld := time.Since(f.made()) > s.limits.Age
		replaced := f.by != "" && f.by.replaced()
		switch {
		case replaced && s.isStandby(f.file):
			s.folder.remove(f.file.String())
		case f.by != "" && !replaced && !dead(f):
		case tooOld || f.state == part:
			s.folder.remove(f.file.String())
		case f.state == bad:
			aside = append(aside, f.file)
		case f.size > int64(headerBytes+maxRequest): // it must not count against the limits
			s.folder.rename(f.file, f.to(bad))
		default:
			batches = append(batches, &Batch{state: offered, foreign: true, file: f.file, size: f.size})
		}
	}
	slices.SortFunc(aside, func(a, b file) int { return strings.Compare(b.id, a.id) })
	for _, f := range aside[min(len(aside), maxBad):] {
		s.folder.remove(f.String())
	}
	batches = s.withinLimits(batches)
	rand.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return batches
}

// isStandby says whether a file is the standby of a span of the process that has
// it. A standby that the process has claimed is another's: that one was killed.
func (s *Spool) isStandby(f file) bool {
	if f.state != held || !f.madeByOwner() {
		return false
	}
	content, err := s.folder.read(f.String(), headerBytes+maxRequest)
	return err == nil && len(content) > kindAt && kind(content[kindAt]) == kindStandby
}

// removeReplaced removes the standbys of this process from before an exec, where
// FindLeftBehind has not come to that: the run has gone on, in this program, and was not
// killed. Others could not tell when this process is gone.
func (s *Spool) removeReplaced() {
	if s.isSearched() {
		return
	}
	files, _, _ := s.folder.list(maxNames)
	for _, f := range files {
		if f.by != "" && f.by.replaced() && s.isStandby(f.file) {
			s.folder.remove(f.file.String())
		}
	}
}

// withinLimits removes the oldest files that are too many, and returns the rest.
// Nobody waits here.
func (s *Spool) withinLimits(batches []*Batch) []*Batch {
	slices.SortFunc(batches, func(a, b *Batch) int { return strings.Compare(a.file.id, b.file.id) })
	var bytes int64
	for _, b := range batches {
		bytes += b.size
	}
	over := 0
	for len(batches)-over > s.limits.Files || bytes > s.limits.Bytes {
		bytes -= batches[over].size
		over++
	}
	s.remove(batches[:over])
	return batches[over:]
}

// deadOwners returns whether the process that has a file is gone. It asks after
// each process once.
func (s *Spool) deadOwners(files []listed) func(listed) bool {
	type answer struct{ gone, known bool }
	answers := make(map[owner]answer)
	var clock time.Time // zero: it has not been asked for, or there is none
	for _, f := range files {
		if _, ok := answers[f.by]; ok || f.by == "" {
			continue
		}
		gone, known := f.by.gone()
		answers[f.by] = answer{gone, known}
		if !known && clock.IsZero() {
			clock, _ = s.folder.clock()
		}
	}
	return func(f listed) bool {
		if a := answers[f.by]; a.known {
			return a.gone
		}
		return !clock.IsZero() && clock.Sub(f.touch) > deadAfter
	}
}
