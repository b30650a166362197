// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"slices"
	"syscall"
)

// standby is the report, as aborted, of a span that has not ended.
//
// The host may give up its rights while the span goes on (setresuid), or its
// place (chroot): then the file can be neither replaced nor removed. So it is
// kept in memory that is shared with it, and has room for what is to take its
// place. A descriptor would do that, too; but the host may close it and have
// another file under its number, and has few.
type standby struct {
	file   file
	memory []byte // nil: it can't be shared, or is not any more
}

const pageBytes = 4096

// room returns how many bytes a standby's file has beyond its request, for what
// the span is going to be when it has ended.
func room(request []byte) int {
	used := headerBytes + len(request)
	size := (used + len(request)/2 + 1024 + pageBytes - 1) / pageBytes * pageBytes
	if size > headerBytes+maxRequest {
		return 0
	}
	return size - used
}

// put writes a request into the standby's file, and says whether that was done.
// It is not where there is too little room.
func (r *standby) put(what kind, request []byte) bool {
	if headerBytes+len(request) > len(r.memory) {
		return false
	}
	content := frameOf(what, request, len(r.memory)-headerBytes-len(request))
	return changeShared(r.memory, func(memory []byte) {
		memory[kindAt] = byte(kindWithdrawn) // it is half of one and half of the other for a moment
		copy(memory[len(magic):], content[len(magic):])
		memory[kindAt] = byte(what)
	})
}

// withdraw has the file say that there is nothing to report, and parts with it.
func (r *standby) withdraw() {
	changeShared(r.memory, func(memory []byte) { memory[kindAt] = byte(kindWithdrawn) })
	r.letGo()
}

// letGo leaves the file as it is.
func (r *standby) letGo() {
	unshare(r.memory)
	r.memory = nil
}

// isRoom says whether there was too little room on the disk: for another time,
// and for the standby's pages as well, where the file system copies them.
func isRoom(err error) bool {
	for _, no := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

func (s *Spool) writeStandby(span string, request []byte) {
	r, ok := s.standbys[span]
	if !ok {
		if len(s.standbys) == maxStandbys {
			return
		}
		r = &standby{file: s.newFile()}
	}
	memory, err := s.folder.writeShared(r.file, frameOf(kindStandby, request, room(request)))
	switch {
	case err == nil:
		r.withdraw() // it may be in a folder that has another path by now
		r.memory = memory
		s.standbys[span] = r
	case !isRoom(err):
		r.put(kindStandby, request)
	}
}

// takeStandbys has the batch take over the standbys of its spans.
func (s *Spool) takeStandbys(b *Batch) {
	for _, span := range b.ended {
		if r, ok := s.standbys[span]; ok {
			b.standbys = append(b.standbys, r)
			delete(s.standbys, span)
		}
	}
}

// persistInPlace writes a batch into one of its standbys, and withdraws the
// others. To this process it is in memory only.
func (b *Batch) persistInPlace() {
	at := slices.IndexFunc(b.standbys, func(r *standby) bool { return r.put(kindInPlace, b.Request) })
	for i, r := range b.standbys {
		if at >= 0 && i != at {
			r.withdraw()
		}
	}
}

// removeStandbys removes the standbys of a batch that is elsewhere, or nowhere any
// more; its own file it leaves. Where that fails they are withdrawn.
func (s *Spool) removeStandbys(b *Batch) {
	for _, r := range b.standbys {
		if r.file != b.file {
			s.folder.remove(r.file.String())
		}
		r.withdraw()
	}
	b.standbys = nil
}

func (s *Spool) releaseStandby(r *standby) {
	s.folder.rename(r.file, r.file.to(free))
	r.letGo()
}
