// SPDX-License-Identifier: MIT

// Package spool stores batches from the end of their spans until their delivery.
// It stores them in a folder of small files, so that they outlive the process. If
// no file can be written, it keeps them in memory.
//
// # Files
//
// A folder belongs to one service. All processes of the service share it, on
// several machines if the home folder is on NFS or Lustre. Locks and databases are
// not reliable there, so the spool uses neither. It writes a new file under a
// temporary name and renames it; a process claims a file by renaming it, and of
// several processes that try only one succeeds. The name of a file says which
// process owns it (name.go). The content is one OTLP request with a checksum
// (frame.go). If there are many files, small batches of a process share one.
//
// A standby is a file too. It becomes the batch of its span by a rename. If the
// process may not rename it any more, the process changes the file's content
// instead (standby.go).
//
// # Goroutines
//
// Each Spool has a list of batches, and each batch has a state (batch.go). Put and
// Standby add to the list. The spool's own goroutine, the writer, writes the
// batches to files in that order (writer.go). A second goroutine, the courier's,
// calls ScanFolder and Claim, and the methods that end a claim.
//
// The writer and the courier's methods wait for the disk, and Close does until its
// deadline. No other method does.
package spool

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// Limits bound the files in a service's folder. If there are more, the spool removes
// the oldest.
type Limits struct {
	Files int
	Bytes int64
	Age   time.Duration
}

const (
	// memoryBytes bounds the requests that are in memory only, because the writer
	// has not written them yet, or can't.
	memoryBytes = 16 << 20
	// cachedBytes bounds the requests that are in a file and also in memory, so
	// that the courier does not have to read them again.
	cachedBytes = 4 << 20
	// maxStandbys is how many standbys one process may have.
	maxStandbys = 64
)

var (
	// ErrClosed says that the spool is closed.
	ErrClosed = errors.New("the spool is closed")
	// ErrOtherVersion says that this process may not send a request, because its
	// schema does not allow it. The spool leaves the file to another version of the
	// program, whose schema may.
	ErrOtherVersion = errors.New("this version of the program may not send the request")
)

// Spool is one client's use of its service's folder.
type Spool struct {
	folder *folder // nil: memory only
	self   owner
	limits Limits
	check  func(request []byte) error
	log    func(string)

	newBatch chan struct{} // see NewBatches
	ended    chan struct{} // closed when the writer has ended

	standbys map[string]*standby // by the id of the span; only the writer uses it

	mu      sync.Mutex
	changed sync.Cond // signals a change of batches or closed
	batches []*Batch  // own batches, oldest first; then those of ScanFolder, in random order
	scanned bool      // ScanFolder has run
	closed  bool
	left    bool    // see IsLeft
	latency Latency // used if there is no folder
	pause   Pause   // the last one that this process has set
}

// Open returns a spool that uses the folder at path, an absolute path. If path is
// empty, the spool uses memory only. The spool makes the folder when it first writes
// a file. It calls check for each request that it has read from a file; the error is
// ErrOtherVersion, or says that the bytes are no request. It calls log with a line
// for each batch that will not be delivered; log may be called on any goroutine.
func Open(path string, limits Limits, check func(request []byte) error, log func(string)) *Spool {
	s := &Spool{
		check:    check,
		log:      log,
		self:     thisProcess(),
		limits:   limits,
		newBatch: make(chan struct{}, 1),
		ended:    make(chan struct{}),
		standbys: make(map[string]*standby),
		scanned:  path == "",
	}
	if path != "" {
		s.folder = folderHere(path)
	}
	s.changed.L = &s.mu
	go s.write()
	return s
}

// Put adds a batch. The spool owns request from then on. ended are the ids of the
// spans in it that may have a standby; the batch replaces those standbys. Put blocks
// while the requests in memory are too large (memoryBytes). The error is ErrClosed.
func (s *Spool) Put(request []byte, ended []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && s.memoryOnly() > memoryBytes {
		s.changed.Wait()
	}
	if s.closed {
		return ErrClosed
	}
	s.add(&Batch{Request: request, state: queued, ended: ended})
	return nil
}

// Standby adds the report of a span that has not ended, or replaces it. The courier
// does not send it. A later process sends it if this process is killed before the
// span ends. Standby reports whether the spool has taken the report. It does not
// block.
func (s *Spool) Standby(span string, request []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder == nil || s.closed || s.memoryOnly() > memoryBytes {
		return false
	}
	s.add(&Batch{Request: request, state: queuedStandby, span: span})
	return true
}

// add appends to the list. The caller holds s.mu.
func (s *Spool) add(b *Batch) {
	s.batches = append(s.batches, b)
	s.changed.Broadcast()
}

// HasOwn reports whether a batch of this client's is neither delivered nor refused
// yet.
func (s *Spool) HasOwn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has(func(b *Batch) bool { return !b.foreign && b.state != queuedStandby })
}

// IsIdle reports whether this run has nothing to deliver: no batch of its own, and
// none that ScanFolder has found.
func (s *Spool) IsIdle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scanned && !s.has(func(b *Batch) bool { return b.state != postponed })
}

// Waiting returns the number of batches in files that are waiting for delivery, as
// far as this process knows, and when the oldest was made.
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

// NewBatches returns a channel that receives a value when there may be a new batch to
// claim.
func (s *Spool) NewBatches() <-chan struct{} { return s.newBatch }

// Close ends the spool. In the background it writes the batches that are queued, and
// releases the files that this client owns, so that other processes can claim them.
// Close waits for that until ctx ends. The courier must have ended its claims before.
func (s *Spool) Close(ctx context.Context) {
	s.close()
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
}

// IsLeft reports whether the closed spool has left a batch of this client's in a file.
func (s *Spool) IsLeft() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left || s.has(func(b *Batch) bool { return !b.foreign && b.isWaiting() })
}

func (s *Spool) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
}

// ScanFolder finds the batches of other processes in the folder, and removes the
// oldest if the folder exceeds the limits. It does so once; later calls do nothing.
// Claim calls it if no batch of this client is ready.
func (s *Spool) ScanFolder() {
	if s.isScanned() {
		return
	}
	found := s.scan()
	s.mu.Lock()
	s.batches, s.scanned = append(s.batches, found...), true
	evicted := s.evict()
	s.mu.Unlock()
	s.remove(evicted)
}

func (s *Spool) isScanned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scanned
}

// Claim returns a batch for delivery: the oldest of this client, or else one of
// another process. It returns nil if there is none. The caller must end the claim
// with Delivered, Remove, SetAside or Return.
func (s *Spool) Claim() *Batch { return s.ClaimUpTo(headerBytes + maxRequest) }

// ClaimUpTo is Claim for a batch of at most that many bytes. It returns nil if the
// next batch is larger.
func (s *Spool) ClaimUpTo(bytes int) *Batch {
	for {
		if !s.isReady() {
			s.ScanFolder()
		}
		b := s.claimNext(bytes)
		if b == nil || !b.inFile() || s.own(b) {
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
	s.changed.Broadcast() // its bytes no longer count as the spool's: Put may go on
	return b
}

// own makes this process the owner of a claimed batch's file, and reads the request.
// It reports whether the batch can be delivered; if not, it has ended the claim. It
// sets a file aside only for its content. If the file can't be read at the moment (no
// descriptor is free, or a file server is down), a later run may read it.
func (s *Spool) own(b *Batch) bool {
	if mine := (file{id: b.file.id, state: held, by: s.self}); b.file != mine {
		if !s.folder.rename(b.file, mine) { // another process was first
			s.drop(b)
			return false
		}
		s.setState(b, mine, claimed)
	}
	if b.Request != nil {
		return true
	}
	request, err := s.folder.request(b.file.String())
	isBad := errors.Is(err, errFrame)
	if err == nil {
		err = s.check(request)
		isBad = err != nil && !errors.Is(err, ErrOtherVersion)
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
		s.log("a file was left to a later run: " + err.Error())
		s.postpone(b)
	}
	return false
}

// postpone ends a claim: it releases the batch's file, for a later run. If that
// fails, Close tries again.
func (s *Spool) postpone(b *Batch) {
	to := b.file.to(free)
	if !s.folder.rename(b.file, to) {
		to = b.file
	}
	s.setState(b, to, postponed)
}

// setState sets a batch's file and state.
func (s *Spool) setState(b *Batch, to file, now state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.file, b.state = to, now
}

// drop ends a claim: it removes the batch from the list.
func (s *Spool) drop(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlist(b)
}

// Delivered ends a claim: the collector has the batch. The last delivered batch stays
// in the folder, under another name, so that the user can read it. If the rename
// fails, Delivered removes the file. It removes standbys too, because they are not
// the report that was sent.
func (s *Spool) Delivered(b *Batch) {
	defer s.drop(b)
	keep := func(root *os.Root) error { return rename(root, b.file.String(), deliveredFile) }
	if !b.inFile() || s.folder.with(keep) != nil {
		s.removeFiles(b)
	}
}

// Remove ends a claim: the batch will never be delivered.
func (s *Spool) Remove(b *Batch) {
	defer s.drop(b)
	s.removeFiles(b)
}

// SetAside ends a claim: the batch's content is damaged and must not be sent. Its
// file stays for a while, for people to look at.
func (s *Spool) SetAside(b *Batch) {
	defer s.drop(b)
	if b.inFile() {
		s.folder.rename(b.file, b.file.to(bad))
	}
	s.removeStandbys(b)
}

// Return ends a claim: the batch waits again, at its place in the list. If it is in a
// file, other processes can claim it too.
func (s *Spool) Return(b *Batch) {
	if !b.inFile() {
		s.setState(b, b.file, ready)
	} else if to := b.file.to(free); s.folder.rename(b.file, to) {
		b.Request = nil
		s.setState(b, to, offered)
	} else { // another process has removed it
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

// remove removes the files of evicted batches.
func (s *Spool) remove(evicted []*Batch) {
	for _, b := range evicted {
		s.removeFiles(b)
		s.log(full)
	}
}
