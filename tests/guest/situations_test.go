// SPDX-License-Identifier: MIT

package guest_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"runspan/tests/host"
)

// situation is a row of the table.
type situation struct {
	text      string
	hosts     string // c: C, +: C++, p: Python
	name      string // as the hosts know it
	arguments []string
	whole     int           // so many spans arrive that have ended; -1: any number
	aborted   int           // and so many that have not
	opens     []int         // what open may return; by default only 0
	both      bool          // what open returns is another process's, and spans arrive all the same
	hangs     bool          // the collector does
	alone     bool          // it works for seconds, so that others would make it slow
	work      time.Duration // what its many calls may take beyond the margin: processor time, no wait
	company   bool          // it is company.c's
	cell      string        // of the table, where it is not the same each time
	core      string        // of another place
	adds      *addition
	wrap      func(*testing.T) []string
	rule      way              // which way the rule takes
	beside    func(*situation) // what is different with the core beside the host
	byRule    func(*situation) // what is different by the rule
	felt      *felt            // what the host notices of the core in it
	stalls    func(*testing.T) stall
	variable  string // leads to the file system that stalls
}

func (s situation) codes() []int {
	if s.opens == nil {
		return []int{0}
	}
	return s.opens
}

// allSituations are the rows of the table.
func allSituations(t *testing.T) []situation {
	t.Helper()
	return slices.Concat(situations(t), limitSituations(t), processSituations(t))
}

// under is what the host is run by.
func (s situation) under(t *testing.T) []string {
	if s.wrap == nil {
		return nil
	}
	return s.wrap(t)
}

func run(command ...string) func(*testing.T) []string {
	return func(*testing.T) []string { return command }
}

func shell(command string) func(*testing.T) []string {
	return func(*testing.T) []string { return []string{"sh", "-c", command + ` && exec "$@"`, "sh"} }
}

// cgroup runs a host in a control group of its own, of either version.
func cgroup(controller, fileV1, fileV2, value string) func(*testing.T) []string {
	return func(t *testing.T) []string {
		parent, file := "/sys/fs/cgroup", fileV2
		if _, err := os.Stat(parent + "/cgroup.controllers"); err != nil {
			parent, file = parent+"/"+controller, fileV1
		}
		group, err := os.MkdirTemp(parent, "runspan-")
		if err != nil {
			t.Fatalf("to make a control group, this test has to run as root, with %s writable: %v", parent, err)
		}
		t.Cleanup(func() { removeGroup(t, group) })
		if err := os.WriteFile(filepath.Join(group, file), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return shell("echo $$ > " + group + "/cgroup.procs")(t)
	}
}

// removeGroup waits for a core beside its host, which is in the group, too.
func removeGroup(t *testing.T, group string) {
	t.Helper()
	for range 200 {
		if os.Remove(group) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%s: a process is left in it", group)
}

func situations(t *testing.T) []situation {
	lib := host.Library(t)
	front, copied, version := lib+"/librunspan.so", copyOf(t, lib, ""), copyOf(t, lib, "0.1.9")
	golib := buildGo(t)
	// On a busy machine each call waits for the process beside to run.
	fewer := func(s *situation) { s.arguments = []string{s.arguments[0], "200"} }
	all := []situation{
		{text: "none out of the ordinary", hosts: "c+p", name: "plain", whole: 1},

		{text: "fork before open: both processes open", hosts: "c+p", name: "fork-before-open", whole: 2},
		{text: "fork in a span: the child uses it, and exits at once", hosts: "c+p", name: "fork-in-span", whole: 1, adds: forkWarning},
		{text: "forks by one thread, calls by another", hosts: "c+p", name: "fork-by-thread", whole: 1},
		{text: "forks by one thread while another opens", hosts: "c+", name: "fork-during-open", whole: 1, opens: []int{0, 14}, both: true, cell: "reported; each child is on, or off as a fork"},
		{text: "fork in a span: the child opens anew", hosts: "c+p", name: "fork-child-opens", whole: 1, opens: []int{14}, both: true, adds: forkWarning},
		{text: "fork and exec of a tool that opens", hosts: "c+p", name: "fork-exec", whole: 2},
		{text: "daemon: two forks, then open", hosts: "c+p", name: "daemon", whole: 1},
		{text: "exec of itself in a span: the new program opens", hosts: "c+p", name: "exec-itself", whole: 1},
		{text: "the same, and the collector hangs", hosts: "c+p", name: "exec-itself", whole: 1, hangs: true},
		{text: "the span is ended, the client closed, then exec of another program", hosts: "c+p", name: "exec-another", whole: 1},
	}
	for _, method := range []string{"fork", "spawn", "forkserver"} {
		all = append(all, situation{text: "multiprocessing, " + method, hosts: "p", name: "multiprocess", arguments: []string{method}, whole: 1})
	}
	limit := func(text, kind, value string, opens ...int) {
		all = append(all, situation{text: text, hosts: "c+p", name: "limit", arguments: []string{kind, value}, whole: 1, opens: opens})
	}
	before := len(all)
	for _, mb := range []string{"64", "128"} {
		limit("`ulimit -v`, "+mb+" MB", "v", mb, 10)
	}
	for _, mb := range []string{"256", "1024"} {
		limit("`ulimit -v`, "+mb+" MB", "v", mb)
	}
	limit("`ulimit -d`, 100 MB", "d", "100", 10)
	limit("`ulimit -d`, 400 MB", "d", "400")
	for i := before; i < len(all); i++ {
		all[i].rule, all[i].beside = beside, on // these are the host's limits
	}
	limit("`ulimit -v`, 2048 MB", "v", "2048")
	limit("`ulimit -u`, 1", "u", "1", 11)
	limit("`ulimit -u`, 64", "u", "64")
	all[len(all)-1].beside, all[len(all)-1].byRule = off(11), off(11) // the core would be too large a part
	limit("`ulimit -n`, none left", "n", "0", 15, 20)
	limit("`ulimit -n`, 6 left", "n", "6", 15)
	all[len(all)-1].rule, all[len(all)-1].beside = beside, on
	limit("`ulimit -n`, 20 left", "n", "20")
	all[len(all)-1].rule = beside
	limit("`ulimit -f`, no file of the spool fits", "f", "512")
	all = append(all,
		situation{text: "`ulimit -t` is over in a span", hosts: "c+p", name: "limit-cpu", aborted: 1, alone: true},
		situation{text: "`ulimit -s`, 256 KiB", hosts: "c+p", name: "stack", whole: 1, wrap: shell("ulimit -s 256")},
		situation{text: "`ulimit -s`, unlimited", hosts: "c+p", name: "stack", whole: 1, wrap: shell("ulimit -s unlimited")},
		situation{text: "control group, pids.max 4", hosts: "c+p", name: "plain", whole: 1, opens: []int{11}, wrap: cgroup("pids", "pids.max", "pids.max", "4")},
		situation{text: "control group, 64 MB of memory", hosts: "c+p", name: "plain", whole: 1, wrap: cgroup("memory", "memory.limit_in_bytes", "memory.max", "67108864")},
	)
	for kind, text := range map[string]string{"v": "address space (`ulimit -v`)", "d": "memory that can be written (`ulimit -d`)", "n": "file descriptors (`ulimit -n`)", "u": "threads (`ulimit -u`)"} {
		all = append(all, situation{text: "in a span the host uses up its " + text, hosts: "c+p", name: "limit-after", alone: true, arguments: []string{kind, "2000"}, whole: -1, beside: fewer})
	}
	slices.SortStableFunc(all[len(all)-4:], func(a, b situation) int { return strings.Compare(a.text, b.text) })
	all = append(all,
		situation{text: "the host uses up its address space, and 300,000 spans have to wait in memory", hosts: "c+", name: "limit-waiting", alone: true, arguments: []string{"300000"}, work: 20 * time.Second, cell: "not reported",
			beside: func(s *situation) { s.arguments, s.cell = []string{"3000"}, "not reported (3,000 spans)" }},
		situation{text: "in a span the host closes all of its descriptors", hosts: "c+", name: "closes-all", whole: -1, beside: losesSocket},
		situation{text: "descriptors 0, 1 and 2 are closed, and a thread writes to them all the time", hosts: "c+p", name: "closes-standard", arguments: []string{"before"}, whole: 21},
		situation{text: "the same; they are closed in a span", hosts: "c+p", name: "closes-standard", arguments: []string{"later"}, whole: 21})
	for _, given := range [][2]string{
		{"rights", "in a span root becomes another user"},
		{"for-a-while", "in a span root becomes another user for a while"},
		{"root", "chroot in a span"},
	} {
		all = append(all,
			situation{text: given[1], hosts: "c+p", name: "gives-up", arguments: given[:1], whole: 1},
			situation{text: given[1] + ", and the collector hangs", hosts: "c+p", name: "gives-up", arguments: given[:1], whole: 1, hangs: true})
	}
	for _, call := range []string{"epoll_create1", "eventfd2", "epoll_ctl", "epoll_pwait", "sigaltstack", "getrandom"} {
		all = append(all, situation{text: "seccomp refuses " + call, hosts: "c+", name: "seccomp", arguments: []string{call}, opens: []int{16}, beside: off(16)})
	}
	all = append(all, situation{text: "seccomp refuses clone", hosts: "c+", name: "seccomp", arguments: []string{"clone"}, opens: []int{11}, beside: off(16)})
	for _, call := range []string{"socket", "mkdirat", "getdents64", "madvise", "sched_getaffinity", "prctl"} {
		all = append(all, situation{text: "seccomp refuses " + call, hosts: "c+", name: "seccomp", arguments: []string{call}, whole: 1})
	}

	all = append(all,
		situation{text: "qemu-user's madvise, which takes any advice and follows none; a fork in a span", hosts: "c+", name: "advice", whole: 1},
		situation{text: "masks, handlers, limits, environment, locale, working folder are looked at before, in and after", hosts: "c+", name: "state", whole: 1},
		situation{text: "20 signals are sent, and SIGRTMIN: the host's handlers are called", hosts: "c+p", name: "delivery", whole: -1},
		situation{text: "the same are blocked, and waited for with sigtimedwait", hosts: "c+p", name: "waited-for", whole: -1},
	)
	fault := func(text, hosts, kind string) {
		var adds *addition
		if strings.HasPrefix(kind, "faulthandler") {
			adds = coreFrame
		}
		all = append(all,
			situation{text: text, hosts: hosts, name: "fault", arguments: []string{kind, "main"}, whole: 1, aborted: 1, adds: adds},
			situation{text: text + ", in another thread that calls runspan", hosts: hosts, name: "fault", arguments: []string{kind, "thread"}, whole: 1, aborted: 1, adds: adds})
	}
	fault("SIGSEGV by a fault", "c+p", "segv")
	fault("SIGBUS", "c+", "bus")
	fault("SIGFPE", "c+", "fpe")
	fault("SIGTRAP", "c+", "trap")
	fault("abort", "c+p", "abrt")
	fault("SIGSEGV that is sent", "c+p", "sent")
	fault("SIGTERM", "c+p", "term")
	fault("SIGKILL", "c+p", "kill")
	fault("SIGSEGV with faulthandler", "p", "faulthandler")
	fault("SIGSEGV with faulthandler, enabled after open", "p", "faulthandler-later")
	all = append(all,
		situation{text: "the host handles its own faults, with siglongjmp", hosts: "c+", name: "handles-faults", whole: 200},
		situation{text: "SIGPIPE, by default", hosts: "c+p", name: "pipe", arguments: []string{"default"}, aborted: 1},
		situation{text: "SIGPIPE, ignored", hosts: "c+p", name: "pipe", arguments: []string{"ignored"}, whole: 1},
		situation{text: "timers' handlers that need 40 KiB of stack, in the middle of calls", hosts: "c+", name: "timer", arguments: []string{"plain"}, whole: -1},
		situation{text: "the same with SA_ONSTACK", hosts: "c+", name: "timer", arguments: []string{"onstack"}, whole: -1},
		situation{text: "the host has an alternate stack for signals", hosts: "c+", name: "altstack", whole: 1},
		situation{text: "a thread ends with a signal that it has blocked", hosts: "c+", name: "blocked-at-end", whole: 1},
		situation{text: "Ctrl-C while close waits, by default", hosts: "c+p", name: "in-close", arguments: []string{"default"}, whole: 1, hangs: true},
		situation{text: "the same, and the handler calls exit, whose handlers call runspan", hosts: "c+p", name: "in-close", arguments: []string{"exit"}, whole: 1, hangs: true},
		situation{text: "the same, and the handler leaves by siglongjmp", hosts: "c+", name: "in-close", arguments: []string{"jump"}, whole: 1, hangs: true},
		situation{text: "the same: KeyboardInterrupt", hosts: "p", name: "in-close", arguments: []string{"interrupt"}, whole: 1, hangs: true},

		situation{text: "the span is ended by atexit", hosts: "c+p", name: "atexit", whole: 1},
		situation{text: "nothing is ended or closed but by static objects' destructors", hosts: "+", name: "destructors", whole: 1},
		situation{text: "a span by the destructor of a thread_local object", hosts: "+", name: "thread-local", whole: 1},
		situation{text: "the span is ended when the interpreter takes its modules apart", hosts: "p", name: "at-shutdown", whole: 2},
		situation{text: "an exception leaves the span's scope", hosts: "+", name: "caught", whole: 1},
		situation{text: "an exception that nobody catches", hosts: "+", name: "uncaught", aborted: 1},
		situation{text: "_exit in a span", hosts: "c+p", name: "exit-at-once", aborted: 1},
		situation{text: "quick_exit", hosts: "c+", name: "quick_exit", whole: 1},
		situation{text: "calls after close", hosts: "c+p", name: "after-close", whole: 1},
		situation{text: "the process exits while other threads are in calls", hosts: "c+p", name: "threads-run-on", whole: -1, cell: "reported"},
		situation{text: "another thread calls exit while close waits", hosts: "c+", name: "exit-by-thread", whole: 1, hangs: true},
		situation{text: "threads with stacks from 16 KiB: calls are made from 40 KiB on", hosts: "c+", name: "small-stacks", whole: -1, cell: "reported"},
		situation{text: "a thread with a stack of 64 KiB", hosts: "p", name: "small-stacks", whole: 1},
		situation{text: "all of it on a thread with a stack of 128 KiB", hosts: "c+", name: "on-thread", whole: 1},
		situation{text: "calls from coroutines with stacks of 64 KiB, by the main thread and by another", hosts: "c+", name: "coroutines", whole: 1},
	)
	for _, core := range []struct {
		text, path string
		code       int
	}{
		{"the core is missing", filepath.Join(t.TempDir(), "librunspan-core.so"), 12},
		{"the core is cut short", changed(t, lib, func(core []byte) []byte { return core[:len(core)/2] }), 12},
		{"the core is another CPU's", changed(t, lib, func(core []byte) []byte {
			binary.LittleEndian.PutUint16(core[18:], uint16(elf.EM_S390)) // e_machine
			return core
		}), 12},
		{"the core is another version's", filepath.Join(filepath.Dir(version), "librunspan-core.so"), 13},
	} {
		all = append(all, situation{text: core.text, hosts: "c+p", name: "plain", whole: 1, opens: []int{core.code}, core: core.path})
		if strings.Contains(core.text, "CPU") {
			all[len(all)-1].beside = off(24)
		}
	}
	company := func(text string, whole int, opens []int, name string, arguments ...string) {
		all = append(all, situation{text: text, hosts: "c", name: name, arguments: arguments, whole: whole, opens: opens, company: true})
	}
	all = append(all, situation{text: "two copies in one process", hosts: "p", name: "copies", arguments: []string{front, copied}, whole: 2})
	for _, scope := range []string{"local", "global"} {
		company("two copies in one process, RTLD_"+strings.ToUpper(scope), 2, nil, "copies", scope, front, copied)
		company("two versions in one process, RTLD_"+strings.ToUpper(scope), 2, nil, "copies", scope, version, front)
	}
	company("beside another library in Go, loaded first", 1, nil, "go", "first", golib, front)
	company("beside another library in Go, loaded later", 1, nil, "go", "last", golib, front)
	company("dlclose, and dlopen again", 2, nil, "again", front)
	company("the constructor of a library that is loaded by dlopen opens", 1, nil, "plugin", plugin(t))
	all = append(all, situation{text: "two fronts with one core, and a fork: the child opens by the other", hosts: "c", name: "shared", arguments: []string{front, linkedTo(t, lib)}, whole: 1, opens: []int{14}, both: true, company: true})
	all[len(all)-1].beside = func(s *situation) { s.opens, s.whole = nil, 2 } // the two share nothing
	company("dlmopen", 0, []int{17}, "namespace", front)
	all[len(all)-1].rule, all[len(all)-1].beside = beside, func(s *situation) { s.opens, s.whole = nil, 1 }
	return all
}

// plugin is plugin.c, built.
func plugin(t *testing.T) string {
	t.Helper()
	arguments := []string{"-shared", "-fPIC", "-I" + host.EmbedSchema(t, host.Schema), "hosts/plugin.c"}
	return host.Compile(t, append(arguments, host.Link(t)...)...)
}

// copyOf is the front of a copy of the library, of the version where one is given.
func copyOf(t *testing.T, lib, version string) string {
	t.Helper()
	dir := t.TempDir()
	header, err := os.ReadFile(host.Root + "/include/runspan.h")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(header, []byte(`#define RUNSPAN_VERSION "`))
	own, _, _ := bytes.Cut(rest, []byte(`"`))
	for _, name := range []string{"librunspan.so", "librunspan-core.so", "runspan-core"} {
		content, err := os.ReadFile(filepath.Join(lib, name))
		if err != nil {
			t.Fatal(err)
		}
		if version != "" {
			if name != "runspan-core" && (len(version) != len(own) || !bytes.Contains(content, own)) {
				t.Fatalf("%s can't be made to say that it is %s", name, version)
			}
			content = bytes.ReplaceAll(content, own, []byte(version))
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "librunspan.so")
}

// linkedTo is a copy of the front whose core is a link to the library's.
func linkedTo(t *testing.T, lib string) string {
	t.Helper()
	front := copyOf(t, lib, "")
	core := filepath.Join(filepath.Dir(front), "librunspan-core.so")
	if err := os.Remove(core); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(lib, "librunspan-core.so"), core); err != nil {
		t.Fatal(err)
	}
	return front
}

// changed is a changed copy of the core.
func changed(t *testing.T, lib string, change func([]byte) []byte) string {
	t.Helper()
	core, err := os.ReadFile(lib + "/librunspan-core.so")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "librunspan-core.so")
	if err := os.WriteFile(path, change(core), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func buildGo(t *testing.T) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "libother.so")
	if out, err := exec.Command("go", "build", "-buildmode=c-shared", "-o", library, "./golib").CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%w\n%s", err, out))
	}
	return library
}
