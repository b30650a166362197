// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// owner names the process that owns a file: BOOT-NAMESPACE-PID-START-IMAGE. A process
// id identifies a process only within one boot of one machine and one pid namespace,
// and only with the time of its start, because the kernel uses ids again. BOOT is a
// hash of the kernel's boot id, because the id itself is private to the machine; on
// Windows it stands for the machine. IMAGE
// identifies the program that the process runs: an exec changes IMAGE and leaves the
// other parts alone. If START is not known it is 0; if IMAGE is not known it is
// missing.
type owner string

// unknown is the owner where the system does not say all this. Nobody can check whether it is gone.
const unknown owner = "0-0-0-0"

func (o owner) valid() bool {
	parts := strings.Split(string(o), "-")
	invalid := func(part string) bool { return part == "" || !isHex(part) }
	return (len(parts) == 4 || len(parts) == 5) && len(o) <= 100 && !slices.ContainsFunc(parts, invalid)
}

// gone reports whether the process is gone. known is false if this process can't
// tell.
func (o owner) gone() (gone, known bool) {
	self := thisProcess()
	parts, own := strings.Split(string(o), "-"), strings.Split(string(self), "-")
	if o == unknown || self == unknown || parts[0] != own[0] || parts[1] != own[1] {
		return false, false
	}
	pid, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil || pid < 1 {
		return true, true // no process has such an id
	}
	start, alive, err := startOf(int(pid))
	switch {
	case err != nil:
		return false, false
	case !alive:
		return true, true
	}
	named, err := strconv.ParseUint(parts[3], 10, 64)
	if named == 0 && err == nil {
		return false, false
	}
	// Time namespaces whose offsets differ by a fraction of a tick round differently.
	return err != nil || start > named+1 || named > start+1, true
}

// beforeExec reports whether o is this process before an exec, when it ran another
// program, or its host.
func (o owner) beforeExec() bool {
	if o != "" && o == hostsName() {
		return true
	}
	parts, own := strings.Split(string(o), "-"), strings.Split(string(thisProcess()), "-")
	return len(parts) == 5 && len(own) == 5 && slices.Equal(parts[:4], own[:4]) && parts[4] != own[4]
}

// mark returns 8 hex digits that identify the process in the ids of its files.
func (o owner) mark() string {
	hash := sha256.Sum256([]byte(o))
	return fmt.Sprintf("%x", hash[:4])
}

var errHidden = errors.New("the system does not say whether there is such a process")
