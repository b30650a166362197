// SPDX-License-Identifier: MIT

package serve

import (
	"os"
	"syscall"
	"unsafe"
)

// pidfdOpen is pidfd_open(2), Linux 5.3. It has the same number on all processors.
const pidfdOpen = 434

// watch calls ended when the process has ended, until stop is called. The end of the
// stream does not say that if a child of the host's, which has not called exec, holds the
// socket as well. On a kernel without pidfd_open, ended is never called.
func watch(pid int, ended func()) (stop func()) {
	fd, _, errno := syscall.Syscall(pidfdOpen, uintptr(pid), 0, 0)
	if errno != 0 {
		return func() {}
	}
	_ = syscall.SetNonblock(int(fd), true) // so that Go's poller waits, and not a thread
	file := os.NewFile(fd, "host")
	raw, err := file.SyscallConn()
	if err != nil {
		return func() { _ = file.Close() }
	}
	go func() {
		if raw.Read(hasEnded) == nil {
			ended()
		}
	}()
	return func() { _ = file.Close() }
}

// hasEnded says whether the process of the descriptor has ended.
func hasEnded(fd uintptr) bool {
	poll := struct {
		fd      int32
		events  int16
		revents int16
	}{fd: int32(fd), events: 1} // POLLIN
	var atOnce syscall.Timespec
	n, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&atOnce)), 0, 0, 0)
	return n == 1
}
