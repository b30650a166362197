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

// On all processors that we build for; proc(5).
const nanosecondsPerTick = 10_000_000

// process is what this process knows of itself.
type process struct {
	name owner
	// Its start as /proc shows it. 0: what /proc shows of others can't be
	// compared with a name.
	shown uint64
	shift int64 // what this time namespace adds to the ticks since the boot
}

// this returns what this process is.
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
	// Where /proc is another namespace's, as a container's may be the machine's,
	// this is another number than pid.
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

// thisProcess returns this process's name.
func thisProcess() owner { return this().name }

// image is the last part of this process's name, with its dash. It is a hash of
// random bytes that the kernel puts on the stack at each exec, so that all copies
// of this library in a process agree, and no two programs do. Empty: unknown.
func image() string {
	vector, err := os.ReadFile("/proc/self/auxv")
	if err != nil {
		return ""
	}
	const entry, random = 16, 25 // bytes of one; AT_RANDOM, getauxval(3)
	for ; len(vector) >= entry; vector = vector[entry:] {
		if binary.NativeEndian.Uint64(vector) != random {
			continue
		}
		at := uintptr(binary.NativeEndian.Uint64(vector[8:]))
		bytes := **(**[16]byte)(unsafe.Pointer(&at))
		hash := sha256.Sum256(append([]byte("runspan"), bytes[:]...)) // glibc has its secrets from them
		return fmt.Sprintf("-%x", hash[:4])
	}
	return ""
}

// startOf returns when a process started, in ticks since the boot. One that has
// ended and waits for its parent to ask is not alive. The error says that it
// can't be known: no descriptor may be left, or the process be hidden.
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
		// hidepid hides other users' processes, and those of other groups.
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

// canCompare says whether what /proc shows of other processes can be compared
// with a name: it can while it shows of this one what it did at first.
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

// isNumbered says whether /proc has this process under the number that it has
// here, because it is this pid namespace's.
func isNumbered(pid int) bool {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(rest, "\n")
	return slices.Equal(strings.Fields(line), []string{strconv.Itoa(pid)})
}

// timeShift returns how many ticks the time namespace of this thread adds to the
// time since the boot, time_namespaces(7).
func timeShift() (ticks int64, known bool) {
	own, err := os.Stat("/proc/thread-self/ns/time")
	if isMissing(err) {
		return 0, true // an old kernel: it has none
	}
	// The offsets are those of the namespace that children are going to be in.
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

// stat is what /proc says of a process.
type stat struct {
	state   string
	threads string
	start   uint64 // in ticks
}

// ended: a process whose first thread has ended goes on as long as others do.
func (s stat) ended() bool {
	return s.state == "X" || s.state == "Z" && (s.threads == "0" || s.threads == "1")
}

// readStat reads proc(5), /proc/pid/stat, of the process's first thread: of that
// one qemu makes nothing up.
func readStat(pid string) (stat, error) {
	text, err := os.ReadFile("/proc/" + pid + "/task/" + pid + "/stat")
	if err != nil {
		return stat{}, err
	}
	// The second field is the program's name, which may hold anything.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	const state, threads, startTime = 0, 17, 19 // the third field, the 20th, and the 22nd
	if len(fields) <= startTime {
		return stat{}, errHidden
	}
	start, err := strconv.ParseUint(fields[startTime], 10, 64)
	if err == nil && start > math.MaxInt64/nanosecondsPerTick {
		err = errHidden // it is before the beginning of this time namespace
	}
	return stat{fields[state], fields[threads], start}, err
}
