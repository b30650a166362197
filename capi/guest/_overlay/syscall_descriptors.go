// SPDX-License-Identifier: MIT

package syscall

import (
	"sync"
	"unsafe"
)

// The descriptors 0, 1 and 2 are the host's, even if it has closed them: its messages
// for standard error must not end up in a file or a connection of the core. So while the
// core creates a descriptor, a filler takes the place of each closed one. The filler can
// be neither read nor written: calls on it fail with EBADF, as on a closed descriptor.
// The core closes the filler again, because a program may close a descriptor so that its
// next file gets the number.
var standard struct {
	mu     sync.Mutex
	users  int     // calls of CreateDescriptor that go on
	filled [3]bool // by fillStandard
}

const (
	standards = 3
	oPath     = 0x200000 // open(2), O_PATH: the same on amd64 and arm64
)

// CreateDescriptor makes a system call that returns a descriptor of 3 or more.
//
//go:uintptrescapes
func CreateDescriptor(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err Errno) {
	fillStandard()
	r1, r2, err = Syscall6(trap, a1, a2, a3, a4, a5, a6)
	if err == 0 && r1 < standards { // the host has closed a descriptor meanwhile
		low := r1
		r1, r2, err = RawSyscall(SYS_FCNTL, low, F_DUPFD_CLOEXEC, standards)
		_ = Close(int(low))
	}
	freeStandard()
	return r1, r2, err
}

// fillStandard opens fillers for the closed ones of 0, 1 and 2, until freeStandard.
func fillStandard() {
	standard.mu.Lock()
	defer standard.mu.Unlock()
	standard.users++
	root, here := [2]byte{'/'}, _AT_FDCWD
	for fd := range uintptr(standards) {
		if _, _, err := RawSyscall(SYS_FCNTL, fd, F_GETFD, 0); err != EBADF {
			continue
		}
		filler, _, err := RawSyscall6(SYS_OPENAT, uintptr(here), uintptr(unsafe.Pointer(&root)), oPath|O_CLOEXEC, 0, 0, 0)
		if err == 0 && filler < standards {
			standard.filled[filler] = true
		} else if err == 0 { // the host was first
			_ = Close(int(filler))
		}
	}
}

// freeStandard closes the fillers when no call needs them any more.
func freeStandard() {
	standard.mu.Lock()
	defer standard.mu.Unlock()
	if standard.users--; standard.users > 0 {
		return
	}
	for fd, filled := range standard.filled {
		// The host may have put a file of its own there.
		if flags, _, err := RawSyscall(SYS_FCNTL, uintptr(fd), F_GETFL, 0); filled && err == 0 && flags&oPath != 0 {
			_ = Close(fd)
		}
		standard.filled[fd] = false
	}
}
