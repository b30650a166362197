// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"slices"
	"syscall"
)

// standby is a file with the report of a span that has not ended, as aborted.
//
// During the span the host may change its user (setresuid) or its root folder
// (chroot). Then it can neither replace nor remove the file. So the process maps the
// file into memory, and the file has padding, so that the final report fits. A
// descriptor would not do: the host has few, and may close it and open another file
// under the same number.
type standby struct {
	file   file
	memory []byte // the mapped file; nil: it can't be mapped, or is not any more
}

const pageBytes = 4096

// padding returns how many bytes a standby's file has after its request. The final
// report of the span will be longer than the request.
func padding(request []byte) int {
	used := headerBytes + len(request)
	size := (used + len(request)/2 + 1024 + pageBytes - 1) / pageBytes * pageBytes
	if size > headerBytes+maxRequest {
		return 0
	}
	return size - used
}

// put writes a request into the standby's file. It reports whether it has; it has not
// if the request is too long.
func (r *standby) put(what kind, request []byte) bool {
	if headerBytes+len(request) > len(r.memory) {
		return false
	}
	content := frameOf(what, request, len(r.memory)-headerBytes-len(request))
	return changeShared(r.memory, func(memory []byte) {
		memory[kindAt] = byte(kindWithdrawn) // a reader must not see half of each request
		copy(memory[len(magic):], content[len(magic):])
		memory[kindAt] = byte(what)
	})
}

// withdraw marks the file as one without a report, and unmaps it.
func (r *standby) withdraw() {
	changeShared(r.memory, func(memory []byte) { memory[kindAt] = byte(kindWithdrawn) })
	r.detach()
}

// detach unmaps the file, and leaves it as it is.
func (r *standby) detach() {
	unshare(r.memory)
	r.memory = nil
}

// isNoSpace reports whether the error says that the disk is full or failing. Then a
// later try may succeed. The spool must not write to the mapped file either, because a
// file system that copies pages on write needs space for that too.
func isNoSpace(err error) bool {
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
	memory, err := s.folder.writeShared(r.file, frameOf(kindStandby, request, padding(request)))
	switch {
	case err == nil:
		r.withdraw() // the old file may still exist, if its folder was moved
		r.memory = memory
		s.standbys[span] = r
	case !isNoSpace(err):
		r.put(kindStandby, request)
	}
}

// takeStandbys moves the standbys of a batch's spans from the spool to the batch.
func (s *Spool) takeStandbys(b *Batch) {
	for _, span := range b.ended {
		if r, ok := s.standbys[span]; ok {
			b.standbys = append(b.standbys, r)
			delete(s.standbys, span)
		}
	}
}

// persistInPlace writes a batch into the file of one of its standbys, and withdraws the
// others. For this process the batch is in memory only.
func (b *Batch) persistInPlace() {
	at := slices.IndexFunc(b.standbys, func(r *standby) bool { return r.put(kindInPlace, b.Request) })
	for i, r := range b.standbys {
		if at >= 0 && i != at {
			r.withdraw()
		}
	}
}

// removeStandbys removes the standbys of a batch, but not the batch's own file. It also
// withdraws them, for the case that their files can't be removed.
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
	r.detach()
}
