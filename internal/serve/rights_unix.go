// SPDX-License-Identifier: MIT

//go:build unix

package serve

import (
	"os"
	"syscall"
)

// rightsBytes has room for the two descriptors of a call.
var rightsBytes = syscall.CmsgSpace(2 * 4)

// filesOf returns the descriptors that came with a call.
func filesOf(rights []byte) (files []*os.File) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, _ := syscall.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "front"))
		}
	}
	return files
}
