// SPDX-License-Identifier: MIT

package serve

import (
	"syscall"
	"time"
	"unsafe"
)

const (
	pidfdOpen = 434 // pidfd_open(2), Linux 5.3; the same number on all processors
	pollIn    = 1
)

// waitForEnd returns when the process has ended. The end of the stream does not say that
// if a child of the host's, which has not called exec, holds the socket as well.
func waitForEnd(pid int) {
	fd, _, errno := syscall.Syscall(pidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		for syscall.Kill(pid, 0) != syscall.ESRCH {
			time.Sleep(time.Second)
		}
		return
	}
	defer func() { _ = syscall.Close(int(fd)) }()
	poll := struct {
		fd      int32
		events  int16
		revents int16
	}{fd: int32(fd), events: pollIn}
	for {
		n, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, 0, 0, 0, 0)
		if n == 1 || errno != 0 && errno != syscall.EINTR {
			return
		}
	}
}
