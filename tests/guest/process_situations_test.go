// SPDX-License-Identifier: MIT

package guest_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

// processSituations are those with other processes: children, those who wait for
// them, who starts the host and who ends it.
func processSituations(t *testing.T) []situation {
	t.Helper()
	bash := func(script string) func(*testing.T) []string { return run("bash", "-c", script, "bash") }
	all := []situation{
		{text: "a thread calls wait in a loop", hosts: "c+p", name: "waits", arguments: []string{"wait"}, whole: 3},
		{text: "a thread calls waitid with P_ALL and WNOHANG in a loop", hosts: "c+p", name: "waits", arguments: []string{"at-once"}, whole: 3},
		{text: "a thread calls waitid with P_ALL and WEXITED in a loop", hosts: "c+", name: "waits", arguments: []string{"waitid"}, whole: 3},
		{text: "a thread calls waitid with P_ALL and __WALL in a loop", hosts: "c+", name: "waits", arguments: []string{"all"}, whole: 3},
		{text: "a thread calls waitid with P_ALL and __WCLONE in a loop", hosts: "c+", name: "waits", arguments: []string{"clones"}, whole: 3},
		{text: "SIGCHLD is ignored", hosts: "c+p", name: "sigchld", arguments: []string{"ignored"}, whole: 3},
		{text: "SIGCHLD has SA_NOCLDWAIT", hosts: "c+", name: "sigchld", arguments: []string{"no-wait"}, whole: 3},
		{text: "SIGCHLD is counted by a handler", hosts: "c+p", name: "sigchld", arguments: []string{"counted"}, whole: 3},
		{text: "the host adopts orphans (PR_SET_CHILD_SUBREAPER)", hosts: "c+", name: "adopts", whole: 3, opens: []int{0, 26}},
		{text: "the host is a container's PID 1", hosts: "c+p", name: "plain", whole: 1, opens: []int{0, 26}, wrap: run("unshare", "--pid", "--fork", "--mount-proc")},
		{text: "the host leads a process group of its session", hosts: "c+", name: "session", whole: 3},
		{text: "other threads spawn children all the time: none gets a socket", hosts: "c+", name: "spawns", whole: 3},
		{text: "a timer's signal each 200 µs, while the host opens and closes", hosts: "c+", name: "ticks", whole: 3},
		{text: "a child that was forked in a span lives on", hosts: "c+", name: "forked", whole: 1},
		{text: "almost all descriptors of `ulimit -n` are open", hosts: "c+", name: "many-descriptors", whole: 1},
		{text: "in a span files of the host's get the numbers of runspan's descriptors", hosts: "c+", name: "takes-over", arguments: []string{"over"}, whole: -1, beside: losesSocket},
		{text: "the same; the host has closed them", hosts: "c+", name: "takes-over", arguments: []string{"closes"}, whole: -1, beside: losesSocket},
		{text: "nohup", hosts: "c+p", name: "plain", whole: 1, wrap: run("nohup")},
		{text: "timeout, from a shell", hosts: "c+p", name: "plain", whole: 1, wrap: run("timeout", "50")},
		{text: "a shell's time, and what it says of the children's exit", hosts: "c+p", name: "exit-at-once", aborted: 1, wrap: bash(`TIMEFORMAT=; time "$@"; echo "exit $?"`)},
		{text: "a shell's jobs: set -m, $!, jobs, wait", hosts: "c+", name: "session", whole: 6, wrap: bash(jobControl)},
		{text: "a pipeline, whose reader waits for the end of the output", hosts: "c+p", name: "plain", whole: 1, wrap: bash(`"$@" | cat; echo "${PIPESTATUS[*]}"`)},
		{text: "xargs -P", hosts: "c+p", name: "plain", whole: 4, wrap: run("sh", "-c", `seq 4 | xargs -P 4 -I{} "$@" >/dev/null`, "sh")},
		{text: "strace -f", hosts: "c+", name: "plain", whole: 1, wrap: run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=none", "-e", "signal=none")},
		{text: "below a container's PID 1 that waits for the host alone", hosts: "c+p", name: "plain", whole: 1, wrap: container(t, waitsForOne)},
	}
	for _, call := range []string{"setsid", "execve", "close_range", "setpriority"} {
		refused := situation{text: "seccomp refuses " + call, hosts: "c+", name: "seccomp", arguments: []string{call}, whole: 1}
		if call == "execve" {
			refused.opens = []int{0, 16}
		}
		all = append(all, refused)
	}
	return all
}

// losesSocket: the process beside the host waits a little for the end of a host whose
// socket it has lost. A slow host ends within that time, or does not.
func losesSocket(s *situation) {
	s.whole, s.aborted, s.cell = 0, 1, "the open span as aborted, by the process or by the next run"
}

// Two jobs: one is waited for by its number, and one by all.
const jobControl = `set -m
"$@" & first=$!
jobs | wc -l
wait $first; echo "exit $?"
"$@" & wait; echo "exit $?"
jobs; kill -0 $first 2>/dev/null || echo gone`

// waitsForOne is a PID 1 that adopts orphans and never waits for them.
const waitsForOne = `import os, sys
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))`

// container runs a host below a PID 1 that is written in Python.
func container(t *testing.T, first string) func(*testing.T) []string {
	return func(*testing.T) []string {
		return []string{"unshare", "--pid", "--fork", "--mount-proc", host.Python(t, "dev"), "-c", first}
	}
}

// ways are the ways in which the core runs.
var ways = []struct{ name, beside, noexec string }{
	{"in the host", "", "librunspan-core.so: failed to map segment"},
	{"beside", "1", "runspan-core is missing, can't be started or has ended: Permission denied"},
}

// mounted is a copy of the library below a mount with these options, and the path
// of its core.
func mounted(t *testing.T, options string) string {
	t.Helper()
	folder := t.TempDir()
	mount := func(arguments ...string) {
		if out, err := exec.Command("mount", arguments...).CombinedOutput(); err != nil {
			t.Fatalf("to mount, this test has to run as root: %v\n%s", err, out)
		}
	}
	mount("-t", "tmpfs", "runspan", folder)
	t.Cleanup(func() {
		// The process beside uses it for as long as it delivers.
		if out, err := exec.Command("umount", "-l", folder).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	lib := host.Library(t)
	files := []string{"-a", lib + "/librunspan-core.so", lib + "/runspan-core", folder}
	if out, err := exec.Command("cp", files...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mount("-o", "remount,"+options, folder)
	return filepath.Join(folder, "librunspan-core.so")
}

// Where the packages are on a file system from which no program may be started, the
// reason says so; on one that can't be written, all is as ever.
func TestMountOptions(t *testing.T) {
	c := compile(t)[0]
	for _, way := range ways {
		for _, of := range []struct {
			options string
			code    []int
			says    string
		}{{"ro", []int{0}, ""}, {"noexec", []int{12, 24}, way.noexec}} {
			t.Run(way.name+"/"+of.options, func(t *testing.T) {
				t.Setenv("HOST_BESIDE", way.beside)
				env := host.Environment(t, "", "RUNSPAN_ENDPOINT="+hole(t), "RUNSPAN_CORE="+mounted(t, of.options), "GUEST_LOG=1")
				o := execute(t, append(slices.Clone(c.command), "--", "plain"), env)
				code, reason := o.code()
				if o.status != "exit 0" || !slices.Contains(of.code, code) || !strings.Contains(strings.Join(o.all, "\n"), of.says) {
					t.Errorf("%s, open returns %d: %s\n%s", o.status, code, reason, strings.Join(o.all, "\n"))
				}
				t.Log(strings.Join(o.all, "\n"))
			})
		}
	}
}
