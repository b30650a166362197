// SPDX-License-Identifier: MIT

// Package guest_test puts hosts in C, C++ and Python into situations, each with
// runspan and without it, and has both do the same.
package guest_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

var (
	tablePath = flag.String("table", "", "write the table of TestGuest to this `file`")
	python    = flag.String("python", "", "this `interpreter` runs the hosts in Python; PYTHONPATH leads it to runspan")
	everyWay  = flag.Bool("ways", false, "try the core in the host as it is asked for, too, where the rule has it there")
	under     = flag.String("under", "", "this `command` runs all hosts")
)

// margin is how much longer a run may take with runspan, on a machine that does
// other things as well. An emulator translates the core anew for each run.
func margin() time.Duration {
	if *under != "" {
		return 20 * time.Second
	}
	return 4 * time.Second
}

// program is a host.
type program struct {
	name    string
	command []string
	minor   int // of CPython 3
}

var languages = [...]string{"C", "C++", "Python"}

// sources are those that the hosts in C and C++ have in common.
var sources = []string{"hosts/main.c", "hosts/forks.c", "hosts/limits.c", "hosts/resources.c", "hosts/exits.c", "hosts/signals.c", "hosts/processes.c"}

func compile(t *testing.T) []program {
	t.Helper()
	c := host.Compile(t, slices.Concat(sources, []string{"hosts/tel.c"}, host.Link(t))...)
	cpp := host.CompileCPP(t, sources, []string{"hosts/tel.cpp"}, host.Link(t)...)
	script, err := filepath.Abs("hosts/guest.py")
	if err != nil {
		t.Fatal(err)
	}
	interpreter := *python
	if interpreter == "" {
		interpreter = host.Python(t, "dev")
	}
	return []program{
		{name: "C", command: runBy(c)},
		{name: "C++", command: runBy(cpp)},
		{"Python", runBy(interpreter, script), minor(t, interpreter)},
	}
}

// minor is the N of an interpreter that is CPython 3.N, and 0 of another.
func minor(t *testing.T, interpreter string) (n int) {
	t.Helper()
	ask := runBy(interpreter, "-c", "import sys; print(sys.version_info.minor if sys.implementation.name == 'cpython' else 0)")
	out, err := exec.Command(ask[0], ask[1:]...).Output()
	if err != nil {
		t.Fatalf("%v: %v", ask, err)
	}
	if _, err := fmt.Sscan(string(out), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// runBy is a host's command, with what -under says before it.
func runBy(command ...string) []string { return append(strings.Fields(*under), command...) }

// outcome is what is seen of a run from outside.
type outcome struct {
	status string // how it ended
	output string
	facts  []string // that the control has as well
	all    []string
	took   time.Duration
}

// The dynamic linker's words about files of this machine.
var loading = regexp.MustCompile(`^can't load .*: `)

func (o outcome) code() (code int, reason string) {
	for _, f := range o.all {
		if rest, ok := strings.CutPrefix(f, "!open "); ok {
			number, reason, _ := strings.Cut(rest, " ")
			code, err := strconv.Atoi(number)
			if err != nil {
				panic(err)
			}
			if code != 0 {
				reason = strings.TrimPrefix(strings.TrimPrefix(reason, "telemetry is off: "), "RUNSPAN_OUT_OF_PROCESS asks for it; beside the host: ")
				return code, loading.ReplaceAllString(reason, "can't load the library: ")
			}
		}
	}
	return 0, ""
}

// where is where the host says that its core is; by the rule if it does not say it.
func (o outcome) where() way {
	for _, f := range o.all {
		switch {
		case !strings.HasPrefix(f, "!open 0 "):
		case strings.Contains(f, "the core in the host"):
			return inHost
		case strings.Contains(f, "the core beside the host"):
			return beside
		}
	}
	return byRule
}

// execute runs a host, in a folder of its own.
func execute(t *testing.T, command, env []string) outcome {
	t.Helper()
	return executeWithin(t, command, env, time.Minute, func() {})
}

// executeWithin kills the host after that time. If that does not help, free does.
func executeWithin(t *testing.T, command, env []string, patience time.Duration, free func()) outcome {
	t.Helper()
	facts := filepath.Join(t.TempDir(), "facts")
	// after the situation's name come the schema and the place for facts
	at := slices.Index(command, "--") + 2
	command = slices.Concat(command[:at-2], command[at-1:at], []string{host.Schema, facts}, command[at:])
	c := exec.Command(command[0], command[1:]...)
	c.Env = env
	if *under != "" {
		c.Env = append(slices.Clone(env), "GUEST_SLOW=1")
	}
	c.Dir = os.TempDir()
	out := &bytes.Buffer{}
	c.Stdout, c.Stderr = out, out
	begun := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var stuck atomic.Bool
	timer := time.AfterFunc(patience, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	freer := time.AfterFunc(patience+2*time.Second, func() { stuck.Store(true); free() })
	defer freer.Stop()
	_ = c.Wait()
	o := outcome{output: normal(out.String()), took: time.Since(begun)}
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	o.status = fmt.Sprintf("exit %d", status.ExitStatus())
	if status.Signaled() {
		o.status = signalNames[status.Signal()]
	}
	if stuck.Load() {
		o.status = "can't be killed"
	}
	text, err := os.ReadFile(facts)
	if err != nil {
		t.Fatal(err)
	}
	o.all = strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	for _, f := range o.all {
		if !strings.HasPrefix(f, "!") {
			o.facts = append(o.facts, f)
		}
	}
	return o
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGSEGV: "SIGSEGV", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGTRAP: "SIGTRAP", syscall.SIGABRT: "SIGABRT",
	syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE", syscall.SIGINT: "SIGINT", syscall.SIGXCPU: "SIGXCPU",
	syscall.SIGXFSZ: "SIGXFSZ",
}

var changing = regexp.MustCompile(`0x[0-9a-f]+|line \d+|pid=\d+`)

// normal is output without what no two runs have in common.
func normal(output string) string { return changing.ReplaceAllString(output, "N") }

// hole is an endpoint that accepts connections and never answers.
func hole(t *testing.T) string {
	t.Helper()
	return "http://" + host.Listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) + "/v1/traces"
}

// lab is a collector, and a user's folders.
type lab struct {
	*receiver.Receiver
	state     string
	well, env []string // of a host in another situation, and in this one
	patience  time.Duration
	free      func() // of a file system that does not answer
}

func newLab(t *testing.T, s situation) *lab {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	state := t.TempDir()
	if err := os.Chmod(filepath.Dir(state), 0o755); err != nil { // some hosts become another user
		t.Fatal(err)
	}
	well := host.Environment(t, state, "RUNSPAN_ENDPOINT="+r.Endpoint())
	env := slices.Clone(well)
	if s.hangs {
		env = append(env, "RUNSPAN_ENDPOINT="+hole(t))
	}
	if s.core != "" {
		env = append(env, "RUNSPAN_CORE="+s.core)
	}
	l := &lab{r, state, well, env, time.Minute, func() {}}
	if s.felt != nil {
		l.patience = 10 * time.Second
	}
	if s.stalls != nil {
		stalled := s.stalls(t)
		l.env, l.patience, l.free = append(env, stalled.below(s.variable)...), 10*time.Second, stalled.free
	}
	return l
}

// execute runs a host in the situation.
func (l *lab) execute(t *testing.T, s situation, p program, more ...string) outcome {
	t.Helper()
	command := slices.Concat(s.under(t), p.command, []string{"--", s.name}, s.arguments)
	o := executeWithin(t, command, append(slices.Clone(l.env), more...), l.patience, l.free)
	l.free()
	return o
}

// without puts a host into the situation without runspan.
func without(t *testing.T, s situation, p program) outcome {
	t.Helper()
	return newLab(t, s).execute(t, s, p, "GUEST_CONTROL=1")
}

// try puts a host into the situation with runspan, with its core there, compares it
// with the control, and returns what becomes of the report. plain is a host whose run
// is the next one.
func try(t *testing.T, s situation, w way, p, plain program, control outcome) (report string) {
	t.Helper()
	r := newLab(t, s)
	o := r.execute(t, s, p, w.variables()...)
	o.output = s.adds.without(t, p, o.output)
	feels := s.felt.without(t, &o, control)
	if o.status != control.status || o.output != control.output {
		t.Errorf("it ends with %s, without runspan with %s; it prints\n%s\nand without runspan\n%s", o.status, control.status, o.output, control.output)
	}
	if !slices.Equal(o.facts, control.facts) {
		t.Errorf("%s\nand without runspan\n%s", strings.Join(o.all, "\n"), strings.Join(control.facts, "\n"))
	}
	if o.took > control.took+margin()+s.work {
		t.Errorf("it takes %v, without runspan %v", o.took, control.took)
	}
	if where := o.where(); where != byRule && where != s.rule {
		t.Errorf("the core is %v; want it %v", where, s.rule)
	}
	code, reason := o.code()
	if !slices.Contains(s.codes(), code) {
		t.Errorf("open returns %d: %s", code, reason)
	}
	if s.rule == beside && code == 0 {
		r.await(s)
	}
	atOnce, abortedAtOnce := whole(r.Receiver), abortedOnes(r.Receiver)
	runs := deliver(t, plain, r.state, append(r.well, w.variables()...))
	later, aborted := whole(r.Receiver)-atOnce-runs, abortedOnes(r.Receiver)
	want := s.whole
	if code != 0 && !s.both {
		want = 0
	}
	if got := atOnce + later; want >= 0 && got != want || want >= 0 && aborted != s.aborted && code == 0 {
		t.Errorf("%d whole spans and %d aborted ones arrive, want %d and %d\n%s", got, aborted, want, s.aborted, strings.Join(o.all, "\n"))
	}
	return describe(s, code, reason, atOnce, later, abortedAtOnce, aborted) + feels
}

// deliver has one run follow, or several where the first attempt has failed, and
// returns how many.
func deliver(t *testing.T, plain program, state string, env []string) (runs int) {
	for runs < 20 {
		execute(t, slices.Concat(plain.command, []string{"--", "plain"}), env)
		runs++
		if host.Waiting(t, state) == 0 {
			return runs
		}
		time.Sleep(200 * time.Millisecond)
	}
	t.Errorf("%d files are left in the spool", host.Waiting(t, state))
	return runs
}

// await waits for what a core beside its host delivers after the end of the host.
func (l *lab) await(s situation) {
	for begun := time.Now(); !s.hangs && time.Since(begun) < 3*time.Second; time.Sleep(10 * time.Millisecond) {
		if whole(l.Receiver) >= s.whole && abortedOnes(l.Receiver) >= s.aborted {
			return
		}
	}
}

func describe(s situation, code int, reason string, atOnce, later, abortedAtOnce, aborted int) string {
	if s.cell != "" {
		return s.cell
	}
	var parts []string
	if code != 0 {
		parts = append(parts, "off: "+reason)
	}
	switch {
	case s.whole < 0 || atOnce > 0 && code == 0:
		parts = append(parts, "reported")
	case atOnce > 0:
		parts = append(parts, "the parent's is reported")
	case later > 0:
		parts = append(parts, "reported by the next run")
	}
	if aborted > 0 {
		what, when := "reported", " by the next run"
		if len(parts) > 0 {
			what = "the open span"
		}
		if abortedAtOnce > 0 {
			when = ""
		}
		parts = append(parts, what+when+", as aborted")
	}
	if len(parts) == 0 {
		return "nothing to report"
	}
	return strings.Join(parts, "; ")
}

// Spans are told apart by their ids: one may come twice.
func whole(r *receiver.Receiver) int { return count(r, false) }

func abortedOnes(r *receiver.Receiver) int { return count(r, true) }

func count(r *receiver.Receiver, aborted bool) int {
	ids := make(map[string]bool)
	for _, s := range r.Spans() {
		if isAborted(s) == aborted {
			ids[string(s.Span.SpanId)] = true
		}
	}
	return len(ids)
}

func isAborted(s receiver.Span) bool {
	for _, a := range s.Span.Attributes {
		if a.Key == "aborted" {
			return a.Value.GetBoolValue()
		}
	}
	return false
}

// knownRows are the rows of docs/guest.md, by situation.
func knownRows(t *testing.T) map[string]row {
	t.Helper()
	lines, err := host.Table("guest.md", "guest")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]row)
	for _, line := range lines[2:] {
		r := readRow(line)
		rows[r.text] = r
	}
	return rows
}

// Each host in each situation does what it does without runspan, wherever its core
// runs: exit status, output, state of the process, time. What becomes of the report is
// the table in docs/guest.md.
func TestGuest(t *testing.T) {
	programs := compile(t)
	companies := program{name: "C", command: runBy(host.Compile(t, "hosts/main.c", "hosts/company.c"))}
	var known map[string]row
	if *tablePath == "" && *python == "" && *under == "" {
		known = knownRows(t)
	}
	all := allSituations(t)
	rows := make([]row, len(all))
	t.Cleanup(func() { finish(t, rows, known) })
	for n, s := range all {
		rows[n].text, rows[n].rule = s.text, s.rule
		for i, p := range programs {
			if !strings.Contains(s.hosts, string("c+p"[i])) {
				continue
			}
			if s.company {
				p = companies
			}
			t.Run(s.text+"/"+p.name, func(t *testing.T) {
				if !s.alone {
					t.Parallel() // most hosts wait more than they work
				}
				control := without(t, s, p)
				for _, w := range s.tried() {
					t.Run(w.String(), func(t *testing.T) {
						report := try(t, s.in(w), w, p, programs[0], control)
						rows[n].add(i, w, report, control.status)
						if known != nil {
							known[s.text].compare(t, i, w, report, control.status)
						}
					})
				}
			})
		}
	}
}

// finish writes the table, or compares it, when all hosts have run.
func finish(t *testing.T, rows []row, known map[string]row) {
	t.Helper()
	if *tablePath != "" {
		writeRows(t, rows)
	} else if known != nil && len(rows) != len(known) {
		t.Errorf("docs/guest.md has %d situations, and there are %d", len(known), len(rows))
	}
}

func writeRows(t *testing.T, rows []row) {
	t.Helper()
	table := tableHead + "\n"
	for _, r := range rows {
		table += r.line() + "\n"
	}
	if err := host.WriteTable(*tablePath, "guest", table); err != nil {
		t.Error(err)
	}
}
