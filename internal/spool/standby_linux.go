// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"runtime/debug"
	"syscall"
)

// share maps a file into memory. It returns nil if that fails.
func share(file *os.File, size int) []byte {
	// The mapping is read-only, so that a stray write can't change the file.
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	_ = syscall.Madvise(memory, syscall.MADV_DONTFORK) // a child does not need it
	return memory
}

func unshare(memory []byte) {
	if memory != nil {
		_ = syscall.Munmap(memory)
	}
}

// changeShared calls how with the mapped file, writable. It reports whether that
// succeeded.
func changeShared(memory []byte, how func(memory []byte)) (done bool) {
	if memory == nil {
		return false
	}
	// If the file was truncated meanwhile, a write beyond its end raises SIGBUS.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			done = false
		}
	}()
	if syscall.Mprotect(memory, syscall.PROT_READ|syscall.PROT_WRITE) != nil {
		return false
	}
	defer func() { _ = syscall.Mprotect(memory, syscall.PROT_READ) }()
	how(memory)
	return true
}
