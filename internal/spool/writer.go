// SPDX-License-Identifier: MIT

package spool

import (
	"slices"

	"runspan/internal/notify"
)

// write is the writer's goroutine. It writes the queued batches one after the other,
// until the spool is closed and all are written.
func (s *Spool) write() {
	defer close(s.ended)
	// A panic here would end the host. After a panic the spool is closed, and the next
	// run finds the files.
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
			if !s.join(b) {
				s.persist(b)
			}
		}
		s.remove(s.written(b))
		notify.Send(s.newBatch)
	}
	s.release()
}

// nextQueued waits for a queued batch. It returns nil if the spool is closed and no
// batch is queued.
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

// written makes the batch ready for the courier. It returns the batches that it has
// evicted because of the limits.
func (s *Spool) written(b *Batch) (evicted []*Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
	if b.state == queuedStandby {
		s.unlist(b)
		return nil
	}
	if b.inFile() && s.cached()+len(b.Request) > cachedBytes {
		b.Request = nil
	}
	b.state = ready
	return s.evict()
}

// persist writes a batch to a file, if it can. If a span of the batch has a standby, the
// batch replaces its file: one rename stores the batch and removes the standby.
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
	case !isNoSpace(err):
		b.persistInPlace()
	}
}

// joinedBytes bounds the request of a batch that has been joined to others: so many files
// hold the bytes that a schema allows by default.
const joinedBytes = 64 << 10

// join writes a batch into the file of this client's newest one, if that is small, and the
// files are so many that the spool would soon remove some. A batch with standbys has a
// file already. join reports whether it has; else both batches are as before.
func (s *Spool) join(b *Batch) bool {
	into := s.takeNewest(b)
	if into == nil {
		return false
	}
	// If the file is gone, its reports must not come back.
	request, err := s.folder.request(into.file.String())
	if err == nil {
		request = append(request, b.Request...) // a repeated field's values: one request
		err = s.folder.write(into.file, frame(request))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	into.state = ready
	if err != nil {
		return false
	}
	if into.Request != nil {
		into.Request = request
	}
	into.size = int64(headerBytes + len(request))
	s.unlist(b)
	return true
}

// takeNewest takes the batch that b can be joined to from the courier. It returns nil if
// there is none.
func (s *Spool) takeNewest(b *Batch) *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if files, _ := s.inFiles(); len(b.standbys) > 0 || files == 0 || files < s.limits.Files/4 {
		return nil
	}
	i := s.newest()
	if i < 0 || !s.batches[i].inFile() || s.batches[i].size+int64(len(b.Request)) > joinedBytes {
		return nil
	}
	s.batches[i].state = queued
	return s.batches[i]
}

func (s *Spool) newFile() file { return file{id: newID(), state: held, by: s.self} }

// release releases the files that this client owns, so that other processes can claim
// them at once: on other machines they would have to wait until this process counts as
// gone. It also tries again to write the batches that are in memory only.
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
	left := false
	for _, b := range own {
		if !b.inFile() {
			s.persist(b)
		}
		if b.file.by != "" && s.folder.rename(b.file, b.file.to(free)) {
			left = left || !b.foreign
		}
		for _, standby := range b.standbys {
			s.releaseStandby(standby)
		}
	}
	for _, standby := range s.standbys {
		s.releaseStandby(standby)
	}
	if s.folder != nil {
		s.removeBeforeExec()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = left
}
