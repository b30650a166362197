// SPDX-License-Identifier: MIT

package spool

import "slices"

// Batch is one OTLP ExportTraceServiceRequest, encoded, for delivery.
type Batch struct {
	Request []byte // nil: it has to be read from the file

	state    state
	foreign  bool       // another process has made it
	file     file       // the zero file: the request is in memory only
	size     int64      // bytes of the file
	span     string     // in state queuedStandby: the id of the span
	ended    []string   // in state queued: the ids of spans in it that may have a standby
	standbys []*standby // the standbys of these spans; the batch's file replaces them
}

// state is the next step for a batch, and so says which goroutine may change it.
type state int

const (
	queuedStandby state = iota // a standby: the writer will write it
	queued                     // a batch: the writer will write it
	ready                      // the courier may claim it; it is in a file of this process, or in memory
	claimed                    // the courier is sending it
	offered                    // it is in a file that any process may claim
	postponed                  // this run can't read it, or may not send it; a later run will try
)

func (b *Batch) inFile() bool { return b.file.id != "" }

// isQueued reports whether the batch belongs to the writer, which changes it without
// the lock.
func (b *Batch) isQueued() bool { return b.state == queuedStandby || b.state == queued }

// isWaiting reports whether the batch is in a file and not delivered yet.
func (b *Batch) isWaiting() bool {
	return (b.state == ready || b.state == claimed || b.state == offered) && b.inFile()
}

func (b *Batch) isEvictable() bool { return (b.state == ready || b.state == offered) && b.inFile() }

// The callers of the methods below hold s.mu.

// has reports whether the condition is true for a batch.
func (s *Spool) has(is func(*Batch) bool) bool { return slices.ContainsFunc(s.batches, is) }

// next returns the batch to deliver next: first the batches of this client that no
// other process can claim, then its other batches, then batches of other processes.
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

// unlist removes a batch from the list. Mostly it is the first one, which is cheap to
// remove.
func (s *Spool) unlist(b *Batch) {
	switch i := slices.Index(s.batches, b); {
	case i == 0:
		s.batches[0] = nil
		s.batches = s.batches[1:]
	case i > 0:
		s.batches = slices.Delete(s.batches, i, i+1)
	}
}

// memoryOnly returns the size of the requests that are in no file, in bytes.
func (s *Spool) memoryOnly() (bytes int) {
	for _, b := range s.batches {
		if b.isQueued() || b.state == ready && !b.inFile() {
			bytes += len(b.Request)
		}
	}
	return bytes
}

// cached returns the size of the requests that are in memory and in a file, in bytes.
func (s *Spool) cached() (bytes int) {
	for _, b := range s.batches {
		if b.state == ready && b.inFile() {
			bytes += len(b.Request)
		}
	}
	return bytes
}

// inFiles returns the number of batches that the limits are for, and the size of their
// files.
func (s *Spool) inFiles() (files int, bytes int64) {
	for _, b := range s.batches {
		if b.isEvictable() {
			files++
			bytes += b.size
		}
	}
	return files, bytes
}

// evict unlists the oldest batches until the files are within the limits, and returns
// them. They are few, because ScanFolder has already applied the limits to the batches
// of other processes.
func (s *Spool) evict() (evicted []*Batch) {
	if s.folder == nil {
		return nil
	}
	files, bytes := s.inFiles()
	for files > s.limits.Files || bytes > s.limits.Bytes {
		b := s.oldest()
		if b == nil {
			break
		}
		s.unlist(b)
		files--
		bytes -= b.size
		evicted = append(evicted, b)
	}
	return evicted
}

// oldest returns the batch of the oldest file that may be evicted. The newest batch of
// this client may not: a limit must not cost a run its own report.
func (s *Spool) oldest() (oldest *Batch) {
	newest := s.newest()
	for i, b := range s.batches {
		if i != newest && b.isEvictable() && (oldest == nil || b.file.id < oldest.file.id) {
			oldest = b
		}
	}
	return oldest
}

// newest returns the place of this client's newest batch that the courier may claim, or -1.
func (s *Spool) newest() int {
	for i, b := range slices.Backward(s.batches) {
		if b.state == ready {
			return i
		}
	}
	return -1
}
