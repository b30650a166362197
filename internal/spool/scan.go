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
	// An owner whose process can't be checked counts as gone when its file has not
	// changed for this long.
	deadAfter = 3 * Heartbeat
	// maxBad is how many files that were set aside may stay in the folder.
	maxBad = 16
)

// scan reads the folder once. It returns the files that this process may deliver: free
// files, and files whose owner is gone. It removes files that are too old or were
// never finished.
//
// The order is random, so that a thousand processes that find the same files do not
// all begin with the same one.
func (s *Spool) scan() []*Batch {
	files, removed, err := s.folder.list(s.limits.Files)
	for range removed {
		s.log(full)
	}
	if err != nil {
		return nil // there is no folder, or it can't be read
	}
	dead := s.deadOwners(files)
	var batches []*Batch
	var aside []file
	for _, f := range files {
		tooOld := time.Since(f.made()) > s.limits.Age
		beforeExec := f.by != "" && f.by.beforeExec()
		switch {
		case beforeExec && s.isStandby(f.file):
			s.folder.remove(f.file.String())
		case f.by != "" && !beforeExec && !dead(f):
		case tooOld || f.state == part:
			s.folder.remove(f.file.String())
		case f.state == bad:
			aside = append(aside, f.file)
		case f.size > int64(headerBytes+maxRequest): // too large to be a batch; it must not count against the limits
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

// isStandby reports whether a file is a standby of its owner. A standby that its owner
// has claimed belongs to another process, which was killed.
func (s *Spool) isStandby(f file) bool {
	if f.state != held || !f.madeByOwner() {
		return false
	}
	content, err := s.folder.read(f.String(), headerBytes+maxRequest)
	return err == nil && len(content) > kindAt && kind(content[kindAt]) == kindStandby
}

// removeBeforeExec removes the standbys that this process made before an exec, if
// ScanFolder has not done so. The run was not killed: it has gone on in this program.
// When this process is gone, other processes could not tell that. A core that was beside
// the host before the exec may leave its standbys after ScanFolder.
func (s *Spool) removeBeforeExec() {
	if s.isScanned() && hostsName() == "" {
		return
	}
	files, _, _ := s.folder.list(maxNames)
	for _, f := range files {
		if f.by != "" && f.by.beforeExec() && s.isStandby(f.file) {
			s.folder.remove(f.file.String())
		}
	}
}

// withinLimits removes the oldest files until the rest is within the limits, and
// returns the rest. The caller must not hold s.mu, because this can take long.
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

// deadOwners returns a function that reports whether the owner of a file is gone. It
// checks each process once.
func (s *Spool) deadOwners(files []listed) func(listed) bool {
	type answer struct{ gone, known bool }
	answers := make(map[owner]answer)
	var clock time.Time // the file server's; zero: not needed, or not known
	for _, f := range files {
		if _, ok := answers[f.by]; ok || f.by == "" {
			continue
		}
		gone, known := f.by.gone()
		answers[f.by] = answer{gone, known}
		if !known && clock.IsZero() {
			clock, _ = s.folder.serverTime()
		}
	}
	return func(f listed) bool {
		if a := answers[f.by]; a.known {
			return a.gone
		}
		return !clock.IsZero() && clock.Sub(f.changed) > deadAfter
	}
}
