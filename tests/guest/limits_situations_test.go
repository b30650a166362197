// SPDX-License-Identifier: MIT

package guest_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
)

// moments are when the host does something: before open, or in a span.
var moments = []struct{ name, text string }{{"before", "before open"}, {"after", "in a span"}}

// limitSituations are those in which the host wants what its limits leave it, leaves a
// namespace, locks its memory, or has a file system that does not answer.
func limitSituations(*testing.T) []situation {
	return slices.Concat(wantsMemory(), wantsOthers(), unshares(), locks(), stalls(), []situation{
		{text: "the main thread ends by pthread_exit, and another closes the client and ends", hosts: "c+", name: "main-exits", whole: 1, felt: &felt{ends: "SIGKILL"}},
		{text: "os.fork with all warnings shown", hosts: "p", name: "fork-with-warnings", whole: 1, adds: forkWarning},
	})
}

func fact(pattern string) *felt { return &felt{fact: regexp.MustCompile("^" + pattern + "$")} }

func on(s *situation) { s.opens = nil }

func off(code int) func(*situation) {
	return func(s *situation) { s.opens, s.felt = []int{code}, nil }
}

// The rule leaves the host its address space.
func wantsMemory() (all []situation) {
	for _, when := range moments {
		for _, gb := range []int{1, 2, 4, 8} {
			s := situation{
				text: fmt.Sprintf("`ulimit -v`, %d GB, of which the host takes 80 %% %s", gb, when.text), hosts: "c+p",
				name: "wants-memory", arguments: []string{when.name, fmt.Sprint(gb << 10)}, whole: 1,
			}
			if gb == 1 {
				s.rule = beside
			}
			all = append(all, s)
		}
	}
	return all
}

// One descriptor is the connection to the core beside the host.
func wantsOthers() []situation {
	all := []situation{
		{text: "`ulimit -n`, 64, and the host takes all before open", hosts: "c+", name: "wants-descriptors", arguments: []string{"before"}, whole: 1, opens: []int{15}},
		{
			text: "`ulimit -n`, 64, and the host takes all in a span", hosts: "c+", name: "wants-descriptors", arguments: []string{"after"}, whole: -1, felt: fact(`\d+ descriptors`), cell: "reported, or not",
			rule: beside, beside: func(s *situation) { s.whole, s.cell, s.felt = 1, "", fact("59 descriptors") },
		},
	}
	for _, when := range moments {
		for _, n := range []int{16, 64} {
			s := situation{
				text: fmt.Sprintf("control group, pids.max %d, and the host makes all threads but four %s", n, when.text), hosts: "c+p",
				name: "wants-threads", arguments: []string{when.name, fmt.Sprint(n - 4)}, whole: 1,
				beside: off(11), byRule: off(11), wrap: cgroup("pids", "pids.max", "pids.max", fmt.Sprint(n)),
			}
			if when.name == "before" {
				s.opens = []int{11}
			} else {
				s.felt = fact(`\d+ threads`)
			}
			all = append(all, s)
		}
	}
	return all
}

func unshares() (all []situation) {
	for _, when := range moments {
		for _, namespace := range []string{"user", "mount", "pid", "net", "uts", "ipc", "cgroup", "time"} {
			s := situation{text: fmt.Sprintf("the host unshares its %s namespace %s", namespace, when.text), hosts: "c", name: "unshare", arguments: []string{when.name, namespace}, whole: 1}
			switch when.name + " " + namespace {
			case "before pid": // it can't start threads
				s.opens, s.beside = []int{11}, off(26)
			case "after user":
				s.felt = fact("unshare: Invalid argument")
			}
			all = append(all, s)
		}
	}
	return append(all, situation{text: "the host unshares its pid namespace before open, and the folder of its switches is in memory", hosts: "c", name: "unshare", arguments: []string{"before", "pid"}, whole: 1, opens: []int{11}, beside: off(26), wrap: run("env", "XDG_CONFIG_HOME=/dev/shm")})
}

func locks() (all []situation) {
	for _, when := range moments {
		small := situation{text: "`ulimit -l`, 64 KiB: a user's mlockall fails " + when.text, hosts: "c", name: "mlockall", arguments: []string{when.name, "user", "64"}, whole: 1}
		large := situation{text: "`ulimit -l`, 8 MiB: a user's mlockall " + when.text, hosts: "c", name: "mlockall", arguments: []string{when.name, "user", "8192"}, whole: 1}
		root := situation{text: "root's mlockall " + when.text, hosts: "c+p", name: "mlockall", arguments: []string{when.name, "root", "64"}, whole: 1}
		if when.name == "before" {
			large.opens, large.rule, large.beside = []int{10}, beside, on
			root.rule = beside
		} else {
			large.felt = fact("mlockall: Cannot allocate memory")
		}
		all = append(all, small, large, root)
	}
	return all
}

func stalls() (all []situation) {
	stuck := &felt{ends: "can't be killed"}
	for _, variable := range []string{"XDG_STATE_HOME", "HOME"} {
		folder := map[string]string{"XDG_STATE_HOME": "the state folder", "HOME": "the home"}[variable]
		all = append(all,
			situation{
				text: folder + " is on an ext4 that is frozen", hosts: "c", name: "gives-up", arguments: []string{"nothing"}, cell: "not reported", stalls: frozen, variable: variable, felt: stuck,
				beside: func(s *situation) { s.whole, s.cell = 1, "" }, // the process beside waits for the disk, and sends the report all the same
			},
			situation{text: folder + " is on a FUSE file system whose server does not answer", hosts: "c", name: "gives-up", arguments: []string{"nothing"}, whole: 1, stalls: silent, variable: variable})
	}
	all[len(all)-1].opens = []int{5} // there may be a switch of the user's
	return all
}
