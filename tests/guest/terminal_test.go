// SPDX-License-Identifier: MIT

package guest_test

import (
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// ioctl calls ioctl(2) with a pointer to a number.
func ioctl[T int32 | uint32](t *testing.T, file *os.File, request uintptr, number *T) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(unsafe.Pointer(number))); errno != 0 {
		t.Fatal(errno)
	}
}
