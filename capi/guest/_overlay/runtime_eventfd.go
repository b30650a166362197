// SPDX-License-Identifier: MIT

package runtime

import (
	"internal/goarch"
	"internal/runtime/syscall/linux"
	"unsafe"
)

// isEventfd reports whether a descriptor is an eventfd, as far as can be told. A host may
// have closed it, and may have a file of its own under the same number: netpollBreak would
// write into that file. Only files without an inode of their own (an eventfd, a timerfd)
// have a mode without a type.
func isEventfd(fd uintptr) bool {
	const (
		sysFstat = 5*goarch.IsAmd64 + 80*goarch.IsArm64
		modeAt   = 24*goarch.IsAmd64 + 16*goarch.IsArm64 // of st_mode
		typeMask = 0o170000
	)
	var stat [144]byte
	_, _, errno := linux.Syscall6(sysFstat, fd, uintptr(noescape(unsafe.Pointer(&stat))), 0, 0, 0, 0)
	return errno == 0 && *(*uint32)(unsafe.Pointer(&stat[modeAt]))&typeMask == 0
}
