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

// owner names a process: BOOT-NAMESPACE-PID-START-IMAGE. A process id says
// something only in the same boot of the same machine and in the same pid
// namespace, and only with the time when the process started, because ids are
// used again. BOOT is a hash of the kernel's id of the boot: that one is nobody
// else's business. IMAGE is the program that the process runs: an exec replaces
// it, and leaves the rest as it is. START is 0, and IMAGE is missing, where they
// are not known.
type owner string

// unknown is a process that can't be asked after: there is no /proc.
const unknown owner = "0-0-0-0"

func (o owner) valid() bool {
	parts := strings.Split(string(o), "-")
	notOurs := func(part string) bool { return part == "" || !isHex(part) }
	return (len(parts) == 4 || len(parts) == 5) && len(o) <= 100 && !slices.ContainsFunc(parts, notOurs)
}

// gone says whether the process is, where it can be known from here.
func (o owner) gone() (gone, known bool) {
	self := thisProcess()
	parts, own := strings.Split(string(o), "-"), strings.Split(string(self), "-")
	if o == unknown || self == unknown || parts[0] != own[0] || parts[1] != own[1] {
		return false, false
	}
	pid, err := strconv.ParseInt(parts[2], 10, 32)
	if err != nil || pid < 1 {
		return true, true // nothing that runs has such an id
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
	// Namespaces that are apart by part of a tick round differently.
	return err != nil || start > named+1 || named > start+1, true
}

// replaced says whether the process is this one, which has been another program
// until an exec.
func (o owner) replaced() bool {
	parts, own := strings.Split(string(o), "-"), strings.Split(string(thisProcess()), "-")
	return len(parts) == 5 && len(own) == 5 && slices.Equal(parts[:4], own[:4]) && parts[4] != own[4]
}

// mark is 8 hex digits, which are in the ids of the files that the process makes.
func (o owner) mark() string {
	hash := sha256.Sum256([]byte(o))
	return fmt.Sprintf("%x", hash[:4])
}

var errHidden = errors.New("there may be such a process; the system does not say")
