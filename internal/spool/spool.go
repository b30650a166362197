// SPDX-License-Identifier: MIT

// Package spool keeps batches between the end of their spans and their
// delivery: in a folder of small files, so that they outlive the process, or
// in memory where nothing can be written.
//
// A folder belongs to one service and is shared by all its processes, on other
// machines too: home folders are NFS and Lustre. So there is no lock, no
// database and no sync: a file is written beside and renamed in, and claimed by
// renaming it. Its name says who holds it (name.go), its content is one OTLP
// request with a checksum (frame.go). Only where a process can't rename over its
// own standby any more does it write into it (standby.go).
//
// Each Spool has a list of batches, with a state each (batch.go), and a goroutine,
// the writer, that writes what Put and Standby add to it, in that order (writer.go).
// FindLeftBehind, Claim and what ends a claim are for one goroutine more, the
// courier's, and wait for the disk; Close does until its deadline. Nothing else
// does.
package spool

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// Limits bound what the folder of a service holds. The oldest files make room.
type Limits struct {
	Files int
	Bytes int64
	Age   time.Duration
}

const (
	// What may be in memory only: because the writer has not come to it, or
	// because it can't be written.
	memoryBytes = 16 << 20
	// What has been written is kept in memory too, up to this, so that it need
	// not be read again.
	cachedBytes = 4 << 20
	// Standbys of one process.
	maxStandbys = 64
)

var (
	// ErrClosed says that the spool takes nothing more.
	ErrClosed = errors.New("the spool is closed")
	// ErrNotMine says that this process may not send a request. One of another
	// version may: the file is left to it.
	ErrNotMine = errors.New("it is not for this version to send")
)

// Spool is one client's use of its service's folder.
type Spool struct {
	folder *folder // nil: memory only
	self   owner
	limits Limits
	check  func(request []byte) error
	log    func(string)

	news  chan struct{} // see News
	ended chan struct{} // closed when the writer has ended

	standbys map[string]*standby // by the id of the span; the writer's
	pause    Pause               // the courier's

	mu       sync.Mutex
	changed  sync.Cond // batches or closed
	batches  []*Batch  // oldest first; what was left behind in the order in which it is to be tried
	searched bool      // what was left behind is among them
	closed   bool
	distance Distance // where there is no folder
}

// Open returns a spool in the folder, an absolute path; empty: in memory only.
// The folder is made when there is something to write. check looks at requests
// that were read from files; its error is ErrNotMine, or says that it is no
// request. log is told, in a line each, what is not going to be delivered.
func Open(path string, limits Limits, check func(request []byte) error, log func(string)) *Spool {
	s := &Spool{
		check:    check,
		log:      log,
		self:     thisProcess(),
		limits:   limits,
		news:     make(chan struct{}, 1),
		ended:    make(chan struct{}),
		standbys: make(map[string]*standby),
		searched: path == "",
	}
	if path != "" {
		s.folder = folderHere(path)
	}
	s.changed.L = &s.mu
	go s.write()
	return s
}

// Put keeps a request, which is the spool's from then on. It waits while too
// much is in memory. ended are the ids of spans in it that may have a standby:
// the request takes its place. The error is ErrClosed.
func (s *Spool) Put(request []byte, ended []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && s.inMemory() > memoryBytes {
		s.changed.Wait()
	}
	if s.closed {
		return ErrClosed
	}
	s.add(&Batch{Request: request, state: queued, ended: ended})
	return nil
}

// Standby keeps a report of a span that has not ended, in the place of an
// earlier one, and says whether it does. The courier does not see it. A later
// process finds it, should this one be gone before the span has ended.
func (s *Spool) Standby(span string, request []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder == nil || s.closed || s.inMemory() > memoryBytes {
		return false
	}
	s.add(&Batch{Request: request, state: queuedStandby, span: span})
	return true
}

// add is for callers that hold the lock.
func (s *Spool) add(b *Batch) {
	s.batches = append(s.batches, b)
	s.changed.Broadcast()
}

// HasOwn says whether anything that was put here has not been delivered yet, or
// refused.
func (s *Spool) HasOwn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(func(b *Batch) bool { return !b.foreign && b.state != queuedStandby })
}

// IsIdle says whether there is nothing to do for this run, neither here nor, as far
// as it is known, in what others have left.
func (s *Spool) IsIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.searched && !s.has(func(b *Batch) bool { return b.state != postponed })
}

// Waiting returns how many batches wait to be delivered in files, as far as is
// known, and when the oldest was made.
func (s *Spool) Waiting() (batches int, oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.batches {
		if !b.isWaiting() {
			continue
		}
		if made := b.file.made(); batches == 0 || made.Before(oldest) {
			oldest = made
		}
		batches++
	}
	return batches, oldest
}

// News has something to receive when there may be something new to claim.
func (s *Spool) News() <-chan struct{} { return s.news }

// Close has what was put written, gives free the files that this client holds,
// and ends the spool, all in the background; it waits for that until ctx ends.
// The courier must have ended its claim.
func (s *Spool) Close(ctx context.Context) {
	s.close()
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
}

func (s *Spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
}

// FindLeftBehind finds what others have left in the folder, and keeps it within the
// limits, once. Claim does it too, when nothing of this client's is ready.
func (s *Spool) FindLeftBehind() {
	if s.isSearched() {
		return
	}
	found := s.leftBehind()
	s.mu.Lock()
	s.batches, s.searched = append(s.batches, found...), true
	evicted := s.evict()
	s.mu.Unlock()
	s.remove(evicted)
}

func (s *Spool) isSearched() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.searched
}

// Claim takes a batch for delivery: the oldest of this client, else one that
// somebody left behind. nil: there is none now.
func (s *Spool) Claim() *Batch { return s.ClaimUpTo(headerBytes + maxRequest) }

// ClaimUpTo does so where the batch has no more than so many bytes; else it returns
// nil.
func (s *Spool) ClaimUpTo(bytes int) *Batch {
	for {
		if !s.isReady() {
			s.FindLeftBehind()
		}
		b := s.claimNext(bytes)
		if b == nil || !b.inFile() || s.hold(b) {
			return b
		}
	}
}

func (s *Spool) isReady() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(func(b *Batch) bool { return b.state == ready })
}

func (s *Spool) claimNext(bytes int) *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.next()
	if b == nil || bytes < maxRequest && max(b.size, int64(len(b.Request))) > int64(bytes) {
		return nil
	}
	b.state = claimed
	s.changed.Broadcast() // its bytes are the courier's now
	return b
}

// hold makes the file of a claimed batch this process's, and has its request in
// memory. It says whether the batch can be delivered; else the claim has ended. Only
// what is in the file sets it aside: where it can't be read just now (no descriptor,
// a file server that is away) a later run may.
func (s *Spool) hold(b *Batch) bool {
	if mine := (file{id: b.file.id, state: held, by: s.self}); b.file != mine {
		if !s.folder.rename(b.file, mine) { // somebody else was first
			s.drop(b)
			return false
		}
		s.moved(b, mine, claimed)
	}
	if b.Request != nil {
		return true
	}
	request, err := s.folder.request(b.file.String())
	isBad := errors.Is(err, errFrame)
	if err == nil {
		err = s.check(request)
		isBad = err != nil && !errors.Is(err, ErrNotMine)
	}
	switch {
	case err == nil:
		b.Request = request
		return true
	case errors.Is(err, errWithdrawn):
		s.Remove(b)
	case isBad:
		s.log("a file was set aside: " + err.Error())
		s.SetAside(b)
	default:
		s.log("a file was left: " + err.Error())
		s.postpone(b)
	}
	return false
}

// postpone ends a claim: it gives the batch's file free, for a later run; where that
// fails too, when the spool is closed.
func (s *Spool) postpone(b *Batch) {
	to := b.file.to(free)
	if !s.folder.rename(b.file, to) {
		to = b.file
	}
	s.moved(b, to, postponed)
}

// moved notes that a batch has another file, and is in another state.
func (s *Spool) moved(b *Batch, to file, now state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.file, b.state = to, now
}

// drop ends a claim: the batch is no longer this spool's.
func (s *Spool) drop(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.take(b)
}

// Delivered ends a claim. The file of the last batch that was delivered stays,
// under another name: for the user to look at. Where it can't have that it goes,
// and so do standbys: they are not what was sent.
func (s *Spool) Delivered(b *Batch) {
	defer s.drop(b)
	keep := func(root *os.Root) error { return root.Rename(b.file.String(), deliveredFile) }
	if !b.inFile() || s.folder.with(keep) != nil {
		s.removeFiles(b)
	}
}

// Remove ends a claim: the batch will never be delivered.
func (s *Spool) Remove(b *Batch) {
	defer s.drop(b)
	s.removeFiles(b)
}

// SetAside ends a claim: the batch is not to be sent.
func (s *Spool) SetAside(b *Batch) {
	defer s.drop(b)
	if b.inFile() {
		s.folder.rename(b.file, b.file.to(bad))
	}
	s.removeStandbys(b)
}

// Return ends a claim: the batch waits where it was in the list, for other
// processes too where it is in a file.
func (s *Spool) Return(b *Batch) {
	if !b.inFile() {
		s.moved(b, b.file, ready)
	} else if to := b.file.to(free); s.folder.rename(b.file, to) {
		b.Request = nil
		s.moved(b, to, offered)
	} else { // somebody has removed it
		s.drop(b)
	}
}

func (s *Spool) removeFiles(b *Batch) {
	if b.inFile() {
		s.folder.remove(b.file.String())
	}
	s.removeStandbys(b)
}

const full = "a batch was removed: the spool is full"

// remove removes batches that were evicted.
func (s *Spool) remove(evicted []*Batch) {
	for _, b := range evicted {
		s.removeFiles(b)
		s.log(full)
	}
}
