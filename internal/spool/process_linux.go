// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// owner names a process: BOOT-NAMESPACE-PID-START. A process id says something
// only in the same boot of the same machine and in the same pid namespace, and
// only with the time when the process started, because ids are used again. BOOT
// is a hash of the kernel's id of the boot: that one is nobody else's business.
type owner string

// unknown is a process that can't be asked after: there is no /proc.
const unknown owner = "0-0-0-0"

// thisProcess returns this process's name.
var thisProcess = sync.OnceValue(func() owner {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return unknown
	}
	hash := sha256.Sum256(append([]byte("runspan"), boot...))
	namespace, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return unknown
	}
	pid := os.Getpid()
	start, alive, err := startOf(pid)
	if !alive || err != nil {
		return unknown
	}
	return owner(fmt.Sprintf("%x-%d-%d-%d", hash[:8], namespace.Sys().(*syscall.Stat_t).Ino, pid, start))
})

func (o owner) valid() bool {
	parts := strings.Split(string(o), "-")
	notOurs := func(part string) bool { return part == "" || !isHex(part) }
	return len(parts) == 4 && len(o) <= 100 && !slices.ContainsFunc(parts, notOurs)
}

// gone says whether the process is, where it can be known from here.
func (o owner) gone() (gone, known bool) {
	self := thisProcess()
	parts, own := strings.Split(string(o), "-"), strings.Split(string(self), "-")
	if o == unknown || self == unknown || parts[0] != own[0] || parts[1] != own[1] {
		return false, false
	}
	pid, err := strconv.Atoi(parts[2])
	if err != nil {
		return true, true // nothing that runs has such an id
	}
	start, alive, err := startOf(pid)
	return !alive || strconv.FormatUint(start, 10) != parts[3], err == nil
}

// startOf returns when a process started, in ticks since the boot. One that has
// ended and waits for its parent to ask is not alive. proc(5), /proc/pid/stat.
// The error says that it can't be known: no descriptor may be left.
func startOf(pid int) (start uint64, alive bool, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ESRCH) {
		return 0, false, nil
	} else if err != nil {
		return 0, false, err
	}
	// The second field is the program's name, which may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const state, startTime = 0, 19 // the third field, and the 22nd
	if len(fields) <= startTime || fields[state] == "Z" || fields[state] == "X" {
		return 0, false, nil
	}
	start, err = strconv.ParseUint(fields[startTime], 10, 64)
	return start, err == nil, err
}

// touched is the later of a file's two times: a rename changes one of them, a
// write both.
func touched(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if changed := time.Unix(stat.Ctim.Unix()); changed.After(info.ModTime()) {
			return changed
		}
	}
	return info.ModTime()
}
