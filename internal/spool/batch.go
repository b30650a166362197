// SPDX-License-Identifier: MIT

package spool

import "slices"

// Batch is one OTLP ExportTraceServiceRequest, encoded, for delivery.
type Batch struct {
	Request []byte // nil: it has to be read from the file

	state    state
	foreign  bool       // another process has put it
	file     file       // the zero file: the request is in memory only
	size     int64      // of the file
	span     string     // of queuedStandby: the id of the span
	ended    []string   // of queued: ids of the spans in it that may have a standby
	standbys []*standby // of these spans; a file of the batch takes their place
}

// state says where a batch is on its way, and whose it is for the moment.
type state int

const (
	queuedStandby state = iota // a report of a span that has not ended waits for the writer
	queued                     // the batch waits for the writer
	ready                      // it waits for the courier, in a file of this process or in memory
	claimed                    // the courier has it
	offered                    // it waits in a file that any process may claim
	postponed                  // it is for a later run: this one can't read it, or may not send it
)

func (b *Batch) inFile() bool { return b.file.id != "" }

// isQueued says whether the batch is the writer's, which changes it without the lock.
func (b *Batch) isQueued() bool { return b.state == queuedStandby || b.state == queued }

// isWaiting says whether the batch waits in a file for its delivery, or for the end of
// one.
func (b *Batch) isWaiting() bool {
	return (b.state == ready || b.state == claimed || b.state == offered) && b.inFile()
}

func (b *Batch) isEvictable() bool { return (b.state == ready || b.state == offered) && b.inFile() }

// The methods below are for callers that hold the lock.

// has says whether there is a batch of which that is true.
func (s *Spool) has(is func(*Batch) bool) bool { return slices.ContainsFunc(s.batches, is) }

// next returns the batch to deliver next: the oldest of this client that no other
// process can take, then the oldest of this client, then one of another process.
func (s *Spool) next() *Batch {
	for _, isNext := range []func(*Batch) bool{
		func(b *Batch) bool { return b.state == ready },
		func(b *Batch) bool { return b.state == offered && !b.foreign },
		func(b *Batch) bool { return b.state == offered },
	} {
		if i := slices.IndexFunc(s.batches, isNext); i >= 0 {
			return s.batches[i]
		}
	}
	return nil
}

// take takes a batch out of the list. Mostly it is the first, and no other has to move.
func (s *Spool) take(b *Batch) {
	switch i := slices.Index(s.batches, b); {
	case i == 0:
		s.batches[0] = nil
		s.batches = s.batches[1:]
	case i > 0:
		s.batches = slices.Delete(s.batches, i, i+1)
	}
}

// inMemory returns how many bytes are in memory only.
func (s *Spool) inMemory() (bytes int) {
	for _, b := range s.batches {
		if b.isQueued() || b.state == ready && !b.inFile() {
			bytes += len(b.Request)
		}
	}
	return bytes
}

// cached returns how many bytes are in memory and in a file.
func (s *Spool) cached() (bytes int) {
	for _, b := range s.batches {
		if b.state == ready && b.inFile() {
			bytes += len(b.Request)
		}
	}
	return bytes
}

// evict takes out the oldest batches until the files are within the limits. There
// are few: what was left behind is within them already.
func (s *Spool) evict() (evicted []*Batch) {
	if s.folder == nil {
		return nil
	}
	files, bytes := 0, int64(0)
	for _, b := range s.batches {
		if b.isEvictable() {
			files++
			bytes += b.size
		}
	}
	for files > s.limits.Files || bytes > s.limits.Bytes {
		b := s.oldest()
		if b == nil {
			break
		}
		s.take(b)
		files--
		bytes -= b.size
		evicted = append(evicted, b)
	}
	return evicted
}

// oldest returns the batch of the oldest file that may be evicted. The newest of
// this client may not: it has to stay.
func (s *Spool) oldest() (oldest *Batch) {
	newest := -1
	for i, b := range s.batches {
		if b.state == ready {
			newest = i
		}
	}
	for i, b := range s.batches {
		if i != newest && b.isEvictable() && (oldest == nil || b.file.id < oldest.file.id) {
			oldest = b
		}
	}
	return oldest
}
