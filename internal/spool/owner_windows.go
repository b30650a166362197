// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

// thisProcess returns the owner that names this process. BOOT is a hash of the machine's
// id and name: START, in milliseconds since 1970, differs from boot to boot. There is no
// NAMESPACE, and no IMAGE, because there is no exec.
var thisProcess = sync.OnceValue(func() owner {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return unknown
	}
	defer key.Close()
	machine, _, err := key.GetStringValue("MachineGuid")
	if err != nil {
		return unknown
	}
	name, err := os.Hostname() // a copy of a machine has the same id
	start, alive, err2 := startOf(os.Getpid())
	if err != nil || err2 != nil || !alive {
		return unknown
	}
	hash := sha256.Sum256([]byte("runspan" + machine + name))
	return owner(fmt.Sprintf("%x-0-%d-%d", hash[:8], os.Getpid(), start))
})

// startOf returns when a process started, in milliseconds since 1970, and whether it is
// alive. After an error neither is known.
func startOf(pid int) (start uint64, alive bool, err error) {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.SYNCHRONIZE, false, uint32(pid))
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return 0, false, nil // there is none
	}
	if err != nil {
		return 0, false, errHidden
	}
	defer windows.CloseHandle(process)
	// A process that has ended is there as long as another one has its handle.
	if event, err := windows.WaitForSingleObject(process, 0); err != nil || event == windows.WAIT_OBJECT_0 {
		return 0, false, err
	}
	var created, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(process, &created, &exited, &kernel, &user); err != nil {
		return 0, false, err
	}
	return uint64(created.Nanoseconds() / 1e6), true, nil
}
