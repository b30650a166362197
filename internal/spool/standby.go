// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"syscall"
)

// record is the report, as aborted, of a span that has not ended.
//
// The host may give up its rights while the span goes on (setresuid), or its
// place (chroot): then the file can be neither replaced nor removed. So it is
// kept in memory that is shared with it, and has room for what is to take its
// place. A descriptor would do that, too; but the host may close it and have
// another file under its number, and has few.
type record struct {
	file   file
	memory []byte // nil: it can't be shared, or is not any more
}

const pageBytes = 4096

// room returns how many bytes a record's file has beyond its request, for what
// the span is going to be when it has ended.
func room(request []byte) int {
	used := headerBytes + len(request)
	size := (used + len(request)/2 + 1024 + pageBytes - 1) / pageBytes * pageBytes
	if size > headerBytes+maxRequest {
		return 0
	}
	return size - used
}

// share returns a file's content as memory; nil where that can't be.
func share(file *os.File, size int) []byte {
	// What is to be read only is not written by accident.
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	_ = syscall.Madvise(memory, syscall.MADV_DONTFORK) // a child has no use for it
	return memory
}

// put writes a request into the record's file, and says whether that was done.
// It is not where there is too little room.
func (r *record) put(what kind, request []byte) bool {
	if headerBytes+len(request) > len(r.memory) {
		return false
	}
	content := frameOf(what, request, len(r.memory)-headerBytes-len(request))
	return r.change(func(memory []byte) {
		memory[kindAt] = byte(withdrawn) // it is half of one and half of the other for a moment
		copy(memory[len(magic):], content[len(magic):])
		memory[kindAt] = byte(what)
	})
}

// withdraw has the file say that there is nothing to report, and parts with it.
func (r *record) withdraw() {
	r.change(func(memory []byte) { memory[kindAt] = byte(withdrawn) })
	r.letGo()
}

// letGo leaves the file as it is.
func (r *record) letGo() {
	if r.memory != nil {
		_ = syscall.Munmap(r.memory)
		r.memory = nil
	}
}

func (r *record) change(how func(memory []byte)) (done bool) {
	if r.memory == nil {
		return false
	}
	// What was cut off the file in the meantime is no memory.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			done = false
		}
	}()
	if syscall.Mprotect(r.memory, syscall.PROT_READ|syscall.PROT_WRITE) != nil {
		return false
	}
	defer func() { _ = syscall.Mprotect(r.memory, syscall.PROT_READ) }()
	how(r.memory)
	return true
}

// isRoom says whether there was too little room on the disk: for another time,
// and for the record's pages as well, where the file system copies them.
func isRoom(err error) bool {
	for _, no := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

func (s *Spool) writeRecord(j job) {
	r, ok := s.records[j.record]
	if !ok {
		if len(s.records) == maxRecords {
			return
		}
		r = &record{file: s.newFile()}
	}
	memory, err := s.folder.writeShared(r.file, frameOf(standby, j.request, room(j.request)))
	switch {
	case err == nil:
		r.withdraw() // it may be in a folder that has another path by now
		r.memory = memory
		s.records[j.record] = r
	case !isRoom(err):
		r.put(standby, j.request)
	}
}

// persistInPlace writes a batch into one of its records, and withdraws the
// others. To this process it is in memory only.
func (s *Spool) persistInPlace(b *Batch) {
	at := slices.IndexFunc(b.records, func(r *record) bool { return r.put(inPlace, b.Request) })
	for i, r := range b.records {
		if at >= 0 && i != at {
			r.withdraw()
		}
	}
}

// removeRecords removes the records of a batch that is elsewhere, or nowhere any
// more; its own file it leaves. Where that fails they are withdrawn.
func (s *Spool) removeRecords(b *Batch) {
	for _, r := range b.records {
		if r.file != b.file {
			s.folder.remove(r.file.String())
		}
		r.withdraw()
	}
	b.records = nil
}

func (s *Spool) releaseRecord(r *record) {
	s.folder.rename(r.file, r.file.to(free))
	r.letGo()
}
