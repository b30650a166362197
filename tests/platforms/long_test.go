// SPDX-License-Identifier: MIT

package platforms_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

var (
	long  = flag.Bool("long", false, "have TestGuestSuite run, which takes an hour")
	table = flag.String("table", "", "write the table of TestGuestSuite to this `file`")
)

// difference is tests of the guest suite that fail on a platform, and why.
type difference struct {
	tests *regexp.Regexp
	why   string
}

// unlimited are the hosts that use up their address space, and would use up the
// machine's memory where qemu-user runs them, which does not apply that limit.
const unlimited = "^TestGuest$/uses_up_its_(address_space|memory)"

// emulated are differences that qemu-user makes, with and without runspan.
var emulated = []difference{
	{regexp.MustCompile("^(fork_and_exec_of_a_tool|exec_of_itself|the_same,_and_the_collector_hangs|multiprocessing,_(spawn|forkserver))"), "the kernel does not execute another CPU's programs, of which the host is one"},
	{regexp.MustCompile("^`ulimit_-[vd]`"), "the emulator does not apply limits of memory"},
	{regexp.MustCompile("^`ulimit_-f`"), "the emulator writes its /proc/self/maps into a file, which is over the limit"},
	{regexp.MustCompile("^`ulimit_-t`.*/Python"), "the interpreter's start takes the second"},
	{regexp.MustCompile("^control_group,_64_MB_of_memory/"), "the emulator takes part of the 64 MB"},
	{regexp.MustCompile("^(seccomp_refuses_|qemu-user's_madvise)"), "the emulator refuses filters of system calls"},
}

var pypy = []difference{
	{regexp.MustCompile("^`ulimit_-v`,_64_MB/Python"), "PyPy has taken the 64 MB, and the front can't be loaded, which is another reason than the table's"},
	{regexp.MustCompile("^the_span_is_ended_when_the_interpreter_takes_its_modules_apart"), "PyPy does not do that when it exits"},
}

func (p platform) why(name string) string {
	for _, d := range p.known {
		if d.tests.MatchString(name) {
			return d.why
		}
	}
	return ""
}

// TestGuestSuite runs tests/guest on each platform. What fails is known to the
// table, and what the table knows fails.
func TestGuestSuite(t *testing.T) {
	if !*long {
		t.Skip("it takes hours: ./build.sh platforms")
	}
	suite := filepath.Join(t.TempDir(), "guest.test")
	run(t, "go", "test", "-c", "-o", suite, "../guest")
	whole := make(map[string]bool)
	rows := make(map[string]string)
	for _, p := range platforms {
		if p.apart {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			tests, least := "^TestGuest$/./Python$", 60
			if place := fmt.Sprint(p.compilers, p.under); !whole[place] { // or C and C++ have been tried there
				whole[place], tests, least = true, "^TestGuest$/.", 180
			}
			passed, failed := guestSuite(t, prepare(t, p), suite, tests)
			if passed < least {
				t.Errorf("only %d situations pass", passed)
			}
			reasons := make(map[string]int)
			for _, name := range failed {
				why := p.why(name)
				if why == "" {
					t.Errorf("%s fails", name)
					why = "not known"
				}
				reasons[why]++
			}
			for _, d := range p.known {
				if reasons[d.why] == 0 {
					t.Errorf("all pass that should not: %s", d.why)
				}
			}
			hosts := "Python"
			if least > 100 {
				hosts = "C, C++, Python"
			}
			rows[p.name] = fmt.Sprintf("| %s | %s | %d of %d | %s |", p.name, hosts, passed, passed+len(failed), list(reasons))
		})
	}
	if *table != "" {
		writeRows(t, rows)
	}
}

// writeRows leaves the rows of what was not run this time as they are: hardly
// anybody has the hours for all in one piece.
func writeRows(t *testing.T, rows map[string]string) {
	before, err := host.Table("platforms.md", "platforms")
	if err != nil {
		t.Fatal(err)
	}
	lines := "| platform | hosts | passed | failed, as known |\n| --- | --- | ---: | --- |\n"
	for _, p := range platforms {
		row, now := rows[p.name]
		at := slices.IndexFunc(before, func(line string) bool { return strings.HasPrefix(line, "| "+p.name+" |") })
		switch {
		case now:
			lines += row + "\n"
		case at >= 0:
			lines += before[at] + "\n"
		default:
			lines += "| " + p.name + " | | not run | |\n"
		}
	}
	if err := host.WriteTable(*table, "platforms", lines); err != nil {
		t.Fatal(err)
	}
}

func list(reasons map[string]int) string {
	var parts []string
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		parts = append(parts, fmt.Sprintf("%d: %s", reasons[why], why))
	}
	return strings.Join(parts, "; ")
}

var (
	ended  = regexp.MustCompile(`(?m)^    --- (PASS|FAIL): TestGuest/(\S+) `)
	goCPUs = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}
)

// guestSuite runs the suite's hosts there, and returns how many situations are
// as they should be and which are not.
func guestSuite(t *testing.T, at place, suite, tests string) (passed int, failed []string) {
	t.Helper()
	arguments := []string{"-test.v", "-test.timeout=90m", "-test.run=" + tests, "-python", filepath.Join(fetched, at.python), "-under", strings.Join(at.under, " ")}
	if at.under != nil {
		arguments = append(arguments, "-test.skip="+unlimited)
	}
	c := exec.Command(suite, arguments...)
	c.Dir = filepath.Join(host.Root, "tests", "guest")
	c.Env = append(os.Environ(), "CC="+at.compiler("cc"), "CXX="+at.compiler("c++"), "CGO_ENABLED=1", "GOARCH="+goCPUs[at.wheel],
		"HOST_LIB="+at.library(), "PYTHONPATH="+at.site)
	out, _ := c.CombinedOutput() // it fails where one test does
	for _, match := range ended.FindAllStringSubmatch(string(out), -1) {
		if match[1] == "PASS" {
			passed++
		} else {
			failed = append(failed, match[2])
		}
	}
	if len(failed) > 0 {
		log := filepath.Join(host.Root, "build", "platforms", strings.ReplaceAll(at.name, " ", "-")+".log")
		if err := os.WriteFile(log, out, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s has what it printed", log)
	}
	return passed, failed
}
