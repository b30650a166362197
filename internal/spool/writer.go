// SPDX-License-Identifier: MIT

package spool

import (
	"slices"

	"runspan/internal/notify"
)

// write is the writer's goroutine: it writes what is queued, one after the other,
// until the spool is closed and all is written.
func (s *Spool) write() {
	defer close(s.ended)
	// A panic here would end the host. After one the spool is closed; what is on
	// disk the next run finds.
	defer func() {
		if recover() != nil {
			s.close()
		}
	}()
	for b := s.nextQueued(); b != nil; b = s.nextQueued() {
		if b.state == queuedStandby {
			s.writeStandby(b.span, b.Request)
		} else {
			s.takeStandbys(b)
			s.persist(b)
		}
		s.remove(s.written(b))
		notify.Send(s.news)
	}
	s.release()
}

// nextQueued waits for a batch that is queued. nil: the spool is closed, and there
// is none any more.
func (s *Spool) nextQueued() *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if i := slices.IndexFunc(s.batches, (*Batch).isQueued); i >= 0 {
			return s.batches[i]
		}
		if s.closed {
			return nil
		}
		s.changed.Wait()
	}
}

// written passes the batch on to the courier, and returns those that have to make
// room for it.
func (s *Spool) written(b *Batch) (evicted []*Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
	if b.state == queuedStandby {
		s.take(b)
		return nil
	}
	if b.inFile() && s.cached()+len(b.Request) > cachedBytes {
		b.Request = nil
	}
	b.state = ready
	return s.evict()
}

// persist writes a batch into a file, where it can: over the standby of its first
// span that has one. The rename that brings the one takes the other away.
func (s *Spool) persist(b *Batch) {
	if s.folder == nil || len(b.Request) > maxRequest {
		return
	}
	f := s.newFile()
	if len(b.standbys) > 0 {
		f = b.standbys[0].file
	}
	content := frame(b.Request)
	err := s.folder.write(f, content)
	switch {
	case err == nil:
		b.file, b.size = f, int64(len(content))
		s.removeStandbys(b)
	case !isRoom(err):
		b.persistInPlace()
	}
}

func (s *Spool) newFile() file { return file{id: newID(), state: held, by: s.self} }

// release gives free what this client holds: others may deliver it, and on
// other machines need not wait until they may take this process for dead. What
// could not be written before may be now.
func (s *Spool) release() {
	s.mu.Lock()
	var own []*Batch
	s.batches = slices.DeleteFunc(s.batches, func(b *Batch) bool {
		is := b.state == ready || b.state == postponed
		if is {
			own = append(own, b)
		}
		return is
	})
	s.mu.Unlock()
	for _, b := range own {
		if !b.inFile() {
			s.persist(b)
		}
		if b.file.by != "" {
			s.folder.rename(b.file, b.file.to(free))
		}
		for _, standby := range b.standbys {
			s.releaseStandby(standby)
		}
	}
	for _, standby := range s.standbys {
		s.releaseStandby(standby)
	}
	if s.folder != nil {
		s.removeReplaced()
	}
}
