// SPDX-License-Identifier: MIT

package spool

import (
	"fmt"
	"strings"
	"sync/atomic"
)

// A core in a process of its own leaves the standbys of its host's open spans in the
// host's name, if the host goes on without it: after an exec. All is then as if the core
// had been in the host. The next run reports such a standby when the host has ended; a
// program that the host executes, and that opens the same service, removes it.

// leftImage is the IMAGE of such a standby's owner.
const leftImage = "0"

// besideName is the owner in whose name the cores beside this process's host leave
// standbys. Nil or empty: the core is in its host, or the host can't be checked.
var besideName atomic.Value

// Beside says that this process is beside a host, or, with 0, is not any more.
func Beside(host int) { besideName.Store(inNameOf(host)) }

func hostsName() owner {
	name, _ := besideName.Load().(owner)
	return name
}

// inNameOf returns the owner for standbys that are left to a process, or "" if the process
// has ended, or can't be checked.
func inNameOf(pid int) owner {
	own := strings.Split(string(thisProcess()), "-")
	start, alive, err := startOf(pid)
	if err != nil || !alive || len(own) != 5 {
		return ""
	}
	return owner(fmt.Sprintf("%s-%s-%d-%d-%s", own[0], own[1], pid, start, leftImage))
}

// HostGoesOn reports whether the host has not ended. It returns false if this can't be
// checked.
func HostGoesOn() bool {
	gone, known := hostsName().gone()
	return hostsName() != "" && known && !gone
}

// Leave leaves this process's standbys in the folder to its host, and returns how many.
func Leave(path string) int { return giveStandbys(path, thisProcess(), hostsName()) }

// TakeBack undoes Leave, and returns how many there are still.
func TakeBack(path string) int { return giveStandbys(path, hostsName(), thisProcess()) }

// giveStandbys gives the standbys that an owner has made another owner.
func giveStandbys(path string, from, to owner) (given int) {
	if path == "" || from == "" || to == "" {
		return 0
	}
	s := &Spool{folder: folderHere(path)}
	files, _, _ := s.folder.list(maxNames)
	for _, f := range files {
		if f.by == from && s.isStandby(f.file) && s.folder.rename(f.file, file{f.id[:17] + to.mark() + f.id[25:], held, to}) {
			given++
		}
	}
	return given
}
