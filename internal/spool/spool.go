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
// own record any more does it write into it (standby.go).
//
// Each Spool has a goroutine, the writer, that writes what Put and Record are
// given, in that order. Look, Claim and what ends a claim are for one goroutine
// more, the courier's, and wait for the disk; Close does until its
// deadline. Nothing else does.
package spool

import (
	"context"
	"errors"
	"os"
	"slices"
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
	keptBytes = 4 << 20
	// Records of spans that have not ended, of one process.
	maxRecords = 64
)

var (
	// ErrClosed says that the spool takes nothing more.
	ErrClosed = errors.New("the spool is closed")
	// ErrNotMine says that this process may not send a request. One of another
	// version may: the file is left to it.
	ErrNotMine = errors.New("it is not for this version to send")
)

// Batch is one OTLP ExportTraceServiceRequest, encoded, for delivery.
type Batch struct {
	Request []byte

	own  bool // of this client, not found
	file file // the zero file: none
	size int64
	// unwritten: the request is in memory only. Files there may be all the same:
	// the records of spans that are in the request, and have ended since.
	unwritten bool
	records   []*record // of spans in it; it takes their place
}

// job is what the writer is to do: a batch, or the record of a span.
type job struct {
	request []byte
	record  string   // the span's id; empty: a batch
	ended   []string // of a batch: the ids of spans whose record it replaces
}

// Spool is one client's use of its service's folder.
type Spool struct {
	folder *folder // nil: memory only
	self   owner
	limits Limits
	check  func(request []byte) error
	log    func(string)

	work chan struct{} // there are jobs, or Close was called
	news chan struct{} // a job is done
	idle chan struct{} // closed when the writer has ended

	records map[string]*record // span id → its record; the writer's
	pause   Pause              // the courier's

	mu     sync.Mutex
	room   sync.Cond // memory may have become free
	jobs   []job     // of which the writer is at the first
	ready  []*Batch  // of this client, oldest first
	found  []*Batch  // in files that nobody who lives holds
	claims []*Batch  // of the courier, that have not ended
	listed bool      // found was filled
	closed bool
	left   []*Batch // to a later run

	distance Distance // where there is no folder
}

// Open returns a spool in the folder, an absolute path; empty: in memory only.
// The folder is made when there is something to write. check looks at requests
// that were read from files; its error is ErrNotMine, or says that it is no
// request. log is told, in a line each, what is not going to be delivered.
func Open(path string, limits Limits, check func(request []byte) error, log func(string)) *Spool {
	s := &Spool{
		check:   check,
		log:     log,
		self:    thisProcess(),
		limits:  limits,
		work:    make(chan struct{}, 1),
		news:    make(chan struct{}, 1),
		idle:    make(chan struct{}),
		records: make(map[string]*record),
		listed:  path == "",
	}
	if path != "" {
		s.folder = folderHere(path)
	}
	s.room.L = &s.mu
	go s.write()
	return s
}

// Put keeps a request, which is the spool's from then on. It waits while too
// much is in memory. ended are the ids of spans in it that may have a record:
// the request takes its place. The error is ErrClosed.
func (s *Spool) Put(request []byte, ended []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed && s.inMemory() > memoryBytes {
		s.room.Wait()
	}
	if s.closed {
		return ErrClosed
	}
	s.add(job{request: request, ended: ended})
	return nil
}

// Record keeps a report of a span that has not ended, in the place of an
// earlier one, and says whether it does. The courier does not see it. A later
// process finds it, should this one be gone before the span has ended.
func (s *Spool) Record(span string, request []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.folder == nil || s.closed || s.inMemory() > memoryBytes {
		return false
	}
	s.add(job{request: request, record: span})
	return true
}

// Empty says whether nothing is left to deliver of what was put here, and
// nothing at all.
func (s *Spool) Empty() (own, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	isOwn := func(b *Batch) bool { return b.own }
	own = !slices.ContainsFunc(s.left, isOwn) && len(s.ready) == 0 && !slices.ContainsFunc(s.claims, isOwn) && !slices.ContainsFunc(s.found, isOwn) &&
		!slices.ContainsFunc(s.jobs, func(j job) bool { return j.record == "" })
	all = s.listed && len(s.jobs)+len(s.ready)+len(s.found)+len(s.claims) == 0
	return own, all
}

// Waiting returns how many batches wait to be delivered in files, as far as is
// known, and when the oldest was made.
func (s *Spool) Waiting() (batches int, oldest time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range [][]*Batch{s.ready, s.found, s.claims} {
		for _, b := range list {
			if !b.file.is() {
				continue
			}
			if made := b.file.made(); batches == 0 || made.Before(oldest) {
				oldest = made
			}
			batches++
		}
	}
	return batches, oldest
}

// News has something to receive when there may be something new to claim.
func (s *Spool) News() <-chan struct{} { return s.news }

// Close has what was put written, gives free the files that this client holds,
// and ends the spool, all in the background; it waits for that until ctx ends.
// The courier must have ended its claim.
func (s *Spool) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.room.Broadcast()
	s.mu.Unlock()
	poke(s.work)
	select {
	case <-s.idle:
	case <-ctx.Done():
	}
}

// add is for callers that hold the lock, as are all that follow down to write.
func (s *Spool) add(j job) {
	s.jobs = append(s.jobs, j)
	poke(s.work)
}

func (s *Spool) inMemory() (bytes int) {
	for _, j := range s.jobs {
		bytes += len(j.request)
	}
	for _, b := range s.ready {
		if b.unwritten {
			bytes += len(b.Request)
		}
	}
	return bytes
}

func (s *Spool) kept() (bytes int) {
	for _, b := range s.ready {
		if !b.unwritten {
			bytes += len(b.Request)
		}
	}
	return bytes
}

// evict takes out the oldest batches until the files are within the limits. There
// are few: what was found is within them already.
func (s *Spool) evict() (out []*Batch) {
	var files int
	var bytes int64
	for _, list := range [][]*Batch{s.ready, s.found} {
		for _, b := range list {
			if b.file.is() {
				files++
				bytes += b.size
			}
		}
	}
	for files > s.limits.Files || bytes > s.limits.Bytes {
		b := s.takeOldest()
		if b == nil {
			break
		}
		files--
		bytes -= b.size
		out = append(out, b)
	}
	return out
}

// takeOldest takes out the batch of the oldest file, but the last of this
// client: the newest has to stay.
func (s *Spool) takeOldest() *Batch {
	var from *[]*Batch
	var at int
	for _, list := range []*[]*Batch{&s.found, &s.ready} {
		for i, b := range *list {
			last := list == &s.ready && i == len(s.ready)-1
			if b.file.is() && !last && (from == nil || b.file.id < (*from)[at].file.id) {
				from, at = list, i
			}
		}
	}
	if from == nil {
		return nil
	}
	b := (*from)[at]
	*from = append((*from)[:at], (*from)[at+1:]...)
	return b
}

// write is the writer.
func (s *Spool) write() {
	defer close(s.idle)
	// A panic here would end the host. After one the spool is closed; what is on
	// disk the next run finds.
	defer func() {
		if recover() != nil {
			s.mu.Lock()
			s.closed = true
			s.room.Broadcast()
			s.mu.Unlock()
		}
	}()
	for {
		j, ok := s.job()
		if !ok {
			s.release()
			return
		}
		var b *Batch
		if j.record != "" {
			s.writeRecord(j)
		} else {
			b = s.writeBatch(j)
		}
		s.mu.Lock()
		s.jobs[0] = job{}
		s.jobs = s.jobs[1:]
		if b != nil {
			if !b.unwritten && s.kept()+len(b.Request) > keptBytes {
				b.Request = nil
			}
			s.ready = append(s.ready, b)
		}
		evicted := s.evict()
		s.room.Broadcast()
		s.mu.Unlock()
		s.makeRoom(evicted)
		poke(s.news)
	}
}

// job waits for the next, and leaves it in the list. There is none when the
// spool is closed and all is done.
func (s *Spool) job() (job, bool) {
	for {
		s.mu.Lock()
		if len(s.jobs) > 0 {
			defer s.mu.Unlock()
			return s.jobs[0], true
		}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return job{}, false
		}
		<-s.work
	}
}

// writeBatch writes a batch over the record of its first span that has one: the
// rename that brings the one takes the other away.
func (s *Spool) writeBatch(j job) *Batch {
	b := &Batch{Request: j.request, own: true, unwritten: true}
	for _, span := range j.ended {
		if r, ok := s.records[span]; ok {
			b.records = append(b.records, r)
			delete(s.records, span)
		}
	}
	if len(b.records) > 0 {
		b.file = b.records[0].file
	}
	s.persist(b)
	return b
}

// persist writes a batch, where it can.
func (s *Spool) persist(b *Batch) {
	if s.folder == nil || len(b.Request) > maxRequest {
		return
	}
	f := b.file
	if !f.is() {
		f = s.newFile()
	}
	content := frame(b.Request)
	err := s.folder.write(f, content)
	switch {
	case err == nil:
		b.file, b.size, b.unwritten = f, int64(len(content)), false
		s.removeRecords(b)
	case !isRoom(err):
		s.persistInPlace(b)
	}
}

func (s *Spool) newFile() file { return file{id: newID(), state: held, by: s.self} }

// release gives free what this client holds: others may deliver it, and on
// other machines need not wait until they may take this process for dead. What
// could not be written before may be now.
func (s *Spool) release() {
	s.mu.Lock()
	ready := append(s.ready, s.left...)
	s.ready, s.left = nil, nil
	s.mu.Unlock()
	for _, b := range ready {
		if b.unwritten {
			s.persist(b)
		}
		if b.file.by != "" {
			s.folder.rename(b.file, b.file.to(free))
		}
		for _, r := range b.records {
			s.releaseRecord(r)
		}
	}
	for _, r := range s.records {
		s.releaseRecord(r)
	}
	if s.folder != nil {
		s.lookForReplaced()
	}
}

// Look finds what others have left in the folder, and keeps it within the
// limits, once. Claim does it too, when there is nothing of this client's.
func (s *Spool) Look() {
	s.mu.Lock()
	listed := s.listed
	s.mu.Unlock()
	if listed {
		return
	}
	found := s.leftBehind()
	s.mu.Lock()
	s.found, s.listed = append(s.found, found...), true
	evicted := s.evict()
	s.mu.Unlock()
	s.makeRoom(evicted)
}

// Claim takes a batch for delivery: the oldest of this client, else one that
// somebody left behind. nil: there is none now.
func (s *Spool) Claim() *Batch { return s.claim(int64(headerBytes + maxRequest)) }

// ClaimMore takes another one, of no more than so many bytes.
func (s *Spool) ClaimMore(bytes int) *Batch { return s.claim(int64(bytes)) }

func (s *Spool) claim(bytes int64) *Batch {
	for {
		b := s.next(bytes)
		if b == nil || !b.file.is() || s.hold(b) {
			return b
		}
		s.endClaim(b)
	}
}

func (s *Spool) next(bytes int64) *Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.ready) == 0 {
		s.mu.Unlock()
		s.Look()
		s.mu.Lock()
	}
	for _, list := range []*[]*Batch{&s.ready, &s.found} {
		if len(*list) > 0 {
			b := (*list)[0]
			if bytes < int64(maxRequest) && max(b.size, int64(len(b.Request))) > bytes {
				return nil
			}
			(*list)[0] = nil
			*list = (*list)[1:]
			s.claims = append(s.claims, b)
			s.room.Broadcast()
			return b
		}
	}
	return nil
}

const full = "a batch was removed: the spool is full"

func (s *Spool) makeRoom(evicted []*Batch) {
	for _, b := range evicted {
		s.remove(b)
		s.log(full)
	}
}

func (s *Spool) endClaim(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = slices.DeleteFunc(s.claims, func(c *Batch) bool { return c == b })
}

// hold makes the batch's file this process's, with its request in memory. It
// says whether the batch can be delivered. Only what is in the file sets it
// aside: where it can't be read just now (no descriptor, a file server that is
// away) a later run may.
func (s *Spool) hold(b *Batch) bool {
	mine := file{id: b.file.id, state: held, by: s.self}
	if b.file != mine {
		if !s.folder.rename(b.file, mine) { // somebody else was first
			return false
		}
		b.file = mine
	}
	if b.Request != nil {
		return true
	}
	request, err := s.folder.request(b.file.String())
	if errors.Is(err, errWithdrawn) {
		s.remove(b)
		return false
	}
	passing := err != nil && !errors.Is(err, errFrame)
	if err == nil {
		err = s.check(request)
	}
	switch {
	case passing || errors.Is(err, ErrNotMine):
		s.log("a file was left: " + err.Error())
		s.leave(b)
	case err != nil:
		s.log("a file was set aside: " + err.Error())
		s.setAside(b)
	default:
		b.Request = request
	}
	return err == nil
}

// leave gives the batch's file free, for a later run; where that fails too, when
// the spool is closed.
func (s *Spool) leave(b *Batch) {
	if s.folder.rename(b.file, b.file.to(free)) {
		b.file = b.file.to(free)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = append(s.left, b)
}

// Delivered ends a claim. The file of the last batch that was delivered stays,
// under another name: for the user to look at. Where it can't have that it goes,
// and so do records: they are not what was sent.
func (s *Spool) Delivered(b *Batch) {
	defer s.endClaim(b)
	keep := func(root *os.Root) error { return root.Rename(b.file.String(), deliveredFile) }
	if !b.file.is() || b.unwritten || s.folder.with(keep) != nil {
		s.remove(b)
	}
}

// Remove ends a claim: the batch will never be delivered.
func (s *Spool) Remove(b *Batch) {
	defer s.endClaim(b)
	s.remove(b)
}

func (s *Spool) remove(b *Batch) {
	if b.file.is() {
		s.folder.remove(b.file.String())
	}
	s.removeRecords(b)
}

// SetAside ends a claim: the batch is not to be sent.
func (s *Spool) SetAside(b *Batch) {
	defer s.endClaim(b)
	s.setAside(b)
}

func (s *Spool) setAside(b *Batch) {
	if b.file.is() {
		s.folder.rename(b.file, b.file.to(bad))
	}
	s.removeRecords(b)
}

// Return ends a claim: the batch is the oldest again, for other processes too.
func (s *Spool) Return(b *Batch) {
	defer s.endClaim(b)
	if !b.file.is() || b.unwritten {
		s.putBack(&s.ready, b)
	} else if s.folder.rename(b.file, b.file.to(free)) { // else somebody has removed it
		b.file, b.Request = b.file.to(free), nil
		s.putBack(&s.found, b)
	}
}

func (s *Spool) putBack(list *[]*Batch, b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append([]*Batch{b}, *list...)
}

func poke(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default: // it has been poked and has not looked yet
	}
}
