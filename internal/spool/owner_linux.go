// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// nanosecondsPerTick is the same on all processors that we build for; see proc(5).
const nanosecondsPerTick = 10_000_000

// process describes this process.
type process struct {
	name owner
	// shown is the process's start in /proc, in ticks. 0: the starts of other
	// processes in /proc can't be compared with an owner's.
	shown uint64
	shift int64 // ticks that this time namespace adds to the time since the boot
}

// this returns the description of this process.
var this = sync.OnceValue(func() process {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return process{name: unknown}
	}
	hash := sha256.Sum256(append([]byte("runspan"), boot...))
	namespace, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return process{name: unknown}
	}
	var p process
	var start uint64
	pid := os.Getpid()
	// /proc may belong to another pid namespace: a container may see the machine's.
	// Then this number is not pid.
	if number, err := os.Readlink("/proc/self"); err == nil {
		own, err := readStat(number)
		shift, known := timeShift()
		if err == nil && known {
			start, p.shift = own.start-uint64(shift), shift
			if isNumbered(pid) {
				p.shown = own.start
			}
		}
	}
	p.name = owner(fmt.Sprintf("%x-%d-%d-%d%s", hash[:8], namespace.Sys().(*syscall.Stat_t).Ino, pid, start, image()))
	return p
})

// thisProcess returns the owner that names this process.
func thisProcess() owner { return this().name }

// image returns the last part of this process's owner, with its dash, or "" if it is
// not known. It is a hash of the random bytes that the kernel puts on the stack at each
// exec. So all copies of this library in a process have the same image, and an exec
// changes it.
func image() string {
	vector, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return ""
	}
	const entry, random = 16, 25 // the size of an entry; AT_RANDOM, getauxval(3)
	for ; len(vector) >= entry; vector = vector[entry:] {
		if binary.NativeEndian.Uint64(vector) != random {
			continue
		}
		at := uintptr(binary.NativeEndian.Uint64(vector[8:]))
		bytes := **(**[16]byte)(unsafe.Pointer(&at))
		hash := sha256.Sum256(append([]byte("runspan"), bytes[:]...)) // glibc makes secrets from them
		return fmt.Sprintf("-%x", hash[:4])
	}
	return ""
}

// startOf returns when a process started, in ticks since the boot, and whether it is
// alive. A zombie is not alive. After an error neither is known, because no descriptor
// is free, or the system hides the process.
func startOf(pid int) (start uint64, alive bool, err error) {
	can, err := canCompare()
	if err != nil {
		return 0, false, err
	}
	var its stat
	if can {
		its, err = readStat(strconv.Itoa(pid))
	}
	switch {
	case !can || isMissing(err):
		// The mount option hidepid hides the processes of other users.
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return 0, false, nil
		}
		return 0, false, errHidden
	case err != nil:
		return 0, false, err
	case its.ended():
		return 0, false, nil
	}
	return its.start - uint64(this().shift), true, nil
}

// canCompare reports whether the starts of processes in /proc can be compared with an
// owner's: they can as long as /proc shows the same start of this process as at first.
func canCompare() (bool, error) {
	if this().shown == 0 {
		return false, nil
	}
	own, err := readStat(strconv.Itoa(os.Getpid()))
	if isMissing(err) {
		return false, nil
	}
	return err == nil && own.start == this().shown, err
}

func isMissing(err error) bool {
	return errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ESRCH)
}

// isNumbered reports whether /proc shows this process under its own pid, because /proc
// belongs to this pid namespace.
func isNumbered(pid int) bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	return slices.Equal(strings.Fields(line), []string{strconv.Itoa(pid)})
}

// timeShift returns how many ticks the time namespace of this thread adds to the time
// since the boot; see time_namespaces(7).
func timeShift() (ticks int64, known bool) {
	own, err := os.Stat("/proc/thread-self/ns/time")
	if isMissing(err) {
		return 0, true // an old kernel has no time namespaces
	}
	// The file has the offsets of the namespace that child processes will be in.
	childrens, err2 := os.Stat("/proc/self/ns/time_for_children")
	offsets, err3 := os.ReadFile("/proc/self/timens_offsets")
	if errors.Join(err, err2, err3) != nil || !os.SameFile(own, childrens) {
		return 0, false
	}
	for line := range strings.Lines(string(offsets)) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[0] != "boottime" {
			continue
		}
		seconds, err := strconv.ParseInt(fields[1], 10, 64)
		nanoseconds, err2 := strconv.ParseInt(fields[2], 10, 64)
		return seconds*(1_000_000_000/nanosecondsPerTick) + nanoseconds/nanosecondsPerTick, errors.Join(err, err2) == nil
	}
	return 0, false
}

// stat is part of /proc/pid/stat.
type stat struct {
	state   string
	threads string
	start   uint64 // in ticks
}

// ended reports whether the process has ended. If only its first thread has ended, the
// process goes on.
func (s stat) ended() bool {
	return s.state == "X" || s.state == "Z" && (s.threads == "0" || s.threads == "1")
}

// readStat reads the stat file of a process's first thread; see proc(5). It does not
// read the process's own, because qemu-user invents its content.
func readStat(pid string) (stat, error) {
	text, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The second field is the program's name, which may have any characters.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, threads, startTime = 0, 17, 19 // the third field, the 20th, and the 22nd
	if len(fields) <= startTime {
		return stat{}, errHidden
	}
	start, err := strconv.ParseUint(fields[startTime], 10, 64)
	if err == nil && start > math.MaxInt64/nanosecondsPerTick {
		err = errHidden // the process is older than this time namespace
	}
	return stat{fields[state], fields[threads], start}, err
}
