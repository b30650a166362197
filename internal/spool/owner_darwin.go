// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// thisProcess returns the owner that names this process. START is in milliseconds since
// 1970. There is no NAMESPACE. The core is beside its host here, and so no exec changes
// IMAGE.
var thisProcess = sync.OnceValue(func() owner {
	boot, err := unix.Sysctl("kern.bootsessionuuid")
	start, alive, err2 := startOf(os.Getpid())
	if err != nil || err2 != nil || !alive {
		return unknown
	}
	hash := sha256.Sum256([]byte("runspan" + boot))
	return owner(fmt.Sprintf("%x-0-%d-%d-1", hash[:8], os.Getpid(), start))
})

// zombie is SZOMB of sys/proc.h.
const zombie = 5

// startOf returns when a process started, in milliseconds since 1970, and whether it is
// alive. A zombie is not alive. After an error neither is known.
func startOf(pid int) (start uint64, alive bool, err error) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if errors.Is(err, unix.EIO) { // the answer has no process
		return 0, false, nil
	}
	if err != nil {
		return 0, false, errHidden
	}
	began := info.Proc.P_starttime
	return uint64(began.Nano() / 1e6), info.Proc.P_stat != zombie, nil
}
