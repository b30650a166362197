// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"runtime/debug"
	"syscall"
)

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

func unshare(memory []byte) {
	if memory != nil {
		_ = syscall.Munmap(memory)
	}
}

// changeShared changes a file by the memory that is shared with it, and says whether
// that was done.
func changeShared(memory []byte, how func(memory []byte)) (done bool) {
	if memory == nil {
		return false
	}
	// What was cut off the file in the meantime is no memory.
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
