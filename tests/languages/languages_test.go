// SPDX-License-Identifier: MIT

// Package languages_test runs programs in Ruby, Perl, JavaScript and Java that
// load the built library: those of examples/languages, as its README says to,
// and the hosts in hosts/, which do what such a language may do to a library.
package languages_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

const (
	limit = 30 // an example has fewer lines
	jna   = "jna-5.19.1.jar"
)

// A guest is a host of hosts/: what it has to say, a regular expression, and
// how many spans have to arrive.
type guest struct {
	command, stdout, status string
	ended, aborted          int
}

var languages = []struct {
	name, source string
	command      string // as in the README, without the files
	probe        string // succeeds where the command can
	missing      string // what there has to be
	guests       []guest
}{
	{
		"Ruby", "linecount.rb", "ruby linecount.rb",
		"ruby -rfiddle -e1", "Ruby with fiddle",
		[]guest{
			{"ruby forks.rb", "child: 14 14 14\nlived: [0-9]{1,3} ms, 0\nparent: 0 0 0\n", "exit status 0", 1, 0},
			{"ruby overflow.rb", "before: 3 of 3\nopen: 0\nafter: 3 of 3\nend: 0\nthread: 3 of 3\nclose: 0\n", "exit status 0", 1, 0},
		},
	},
	{
		"Perl", "linecount.pl", "perl linecount.pl",
		"perl -MFFI::Platypus=2.00 -e1", "Perl with FFI::Platypus 2",
		[]guest{
			{"perl forks.pl", "child: 14 14 14\nlived: [0-9]{1,3} ms, 0\nparent: 0 0 0\n", "exit status 0", 1, 0},
		},
	},
	{
		"JavaScript", "linecount.mjs", "node linecount.mjs",
		`node -e 'require("koffi")'`, "Node.js with npm",
		[]guest{
			{"node workers.mjs join", workers + "close: 0\n", "exit status 0", 150, 0},
			{"node workers.mjs stop", workers + "close: 0\n", "exit status 0", 150, 3},
			{"node workers.mjs exit", workers, "exit status 3", 150, 3},
		},
	},
	{
		"Java", "Linecount.java", "java -cp " + jna + ":../count Linecount.java",
		"sh -c 'javac -version && test -s " + jna + "'", "a JDK of 17 or newer, with Maven",
		[]guest{
			{"java -cp " + jna + ":../count Signals.java", signals, "exit status 0", 1, 0},
			{"java -Xint -cp " + jna + ":../count Signals.java", signals, "exit status 0", 1, 0}, // each by a signal
		},
	},
}

const (
	workers = "before: 2000 of 2000\nopen: 0\nafter: 2000 of 2000\n(worker: 50 spans, 2000 of 2000\n){3}"
	signals = "before: 9999 of 9999, 20 of 20\nopen: 0\nafter: 9999 of 9999, 20 of 20\n" +
		"(thread: 9999 of 9999, 20 of 20\n){3}end: 0\nclose: 0\nclosed: 9999 of 9999, 20 of 20\n"
)

// ways are an example's arguments, its output, and the report of the run.
var ways = []struct {
	name, files, fifo string
	stdout            string // where it matters
	report            string
}{
	{
		"success", "linecount.rb linecount.pl", "", "29 linecount.rb\n29 linecount.pl\n",
		`count OK params.files=2 service.version="1.0.0"`,
	},
	{
		"a missing file", "linecount.rb missing.txt", "", "",
		`count ERROR params.files=2 service.version="1.0.0"`,
	},
	{
		"Ctrl-C", "linecount.rb fifo", "fifo", "",
		`count ERROR params.files=2 aborted=true service.version="1.0.0"`,
	},
}

func TestLanguages(t *testing.T) {
	deliver := host.Compile(t, append([]string{"hosts/deliver.c"}, host.Link(t)...)...)
	readme := read(t, filepath.Join(host.Root, "examples", "languages", "README.md"))
	for _, language := range languages {
		t.Run(language.name, func(t *testing.T) {
			t.Parallel()
			if out := newLab(t, deliver).run(t, language.probe, ""); out.status != "exit status 0" {
				lacking(t, language.missing, out)
			}
			if n := bytes.Count(read(t, filepath.Join(host.Root, "examples", "languages", language.source)), []byte("\n")); n >= limit {
				t.Errorf("%s has %d lines", language.source, n)
			}
			for _, way := range ways {
				t.Run(way.name, func(t *testing.T) {
					l := newLab(t, deliver)
					out := l.example(t, language.command+" "+way.files, way.fifo)
					if got := fmt.Sprint(reports(l.Spans())); got != "["+way.report+"]" {
						t.Errorf("reported %s, want %s", got, way.report)
					}
					if shown := "$ " + language.command + " " + way.files + "\n" + out.stdout + "```"; way.stdout != "" {
						if out.stdout != way.stdout || !bytes.Contains(readme, []byte(shown)) {
							t.Errorf("it says %q, want %q, as the README shows it", out.stdout, way.stdout)
						}
					}
				})
			}
			for _, guest := range language.guests {
				t.Run(guest.command, func(t *testing.T) {
					l := newLab(t, deliver)
					out := l.run(t, guest.command, "")
					if !regexp.MustCompile("^"+guest.stdout+"$").MatchString(out.stdout) || out.stderr != "" || out.status != guest.status {
						t.Errorf("%v", out)
					}
					l.flush(t)
					ended, aborted := 0, 0
					for _, report := range reports(l.Spans()) {
						if strings.Contains(report, "aborted") {
							aborted++
						} else {
							ended++
						}
					}
					if ended != guest.ended || aborted != guest.aborted {
						t.Errorf("%d spans that ended arrived, want %d; %d aborted, want %d", ended, guest.ended, aborted, guest.aborted)
					}
				})
			}
		})
	}
}

// lacking ends a test of a language that this machine does not have.
func lacking(t *testing.T, what string, out outcome) {
	t.Helper()
	t.Fatalf("%s is needed here, with what scripts/languages.sh fetches: %v", what, out)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reports says of each span what there is to say of it.
func reports(spans []receiver.Span) []string {
	var all []string
	seen := make(map[string]bool)
	for _, s := range spans {
		if seen[string(s.SpanId)] {
			continue // delivery is at least once
		}
		seen[string(s.SpanId)] = true
		report := s.Name + " " + strings.TrimPrefix(s.Status.GetCode().String(), "STATUS_CODE_")
		for _, a := range append(s.Attributes, s.Resource.GetAttributes()...) {
			if slices.Contains([]string{"params.files", "aborted", "service.version"}, a.Key) {
				report += " " + a.Key + "=" + show(a.Value)
			}
		}
		all = append(all, report)
	}
	return all
}

func show(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_StringValue:
		return strconv.Quote(v.StringValue)
	default:
		return fmt.Sprint(value)
	}
}

// lab is a copy of examples/ in which programs are run, with what the README
// says to put there and with the hosts of this package, and a receiver.
type lab struct {
	*receiver.Receiver
	folder, deliver string
	env             []string
}

func newLab(t *testing.T, deliver string) *lab {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	examples, fetched := t.TempDir(), filepath.Join(host.Root, "build", "languages")
	folder := filepath.Join(examples, "languages")
	for _, err := range []error{
		os.CopyFS(examples, os.DirFS(filepath.Join(host.Root, "examples"))),
		os.CopyFS(folder, os.DirFS("hosts")),
		os.Symlink(filepath.Join(fetched, "node_modules"), filepath.Join(folder, "node_modules")),
		os.Symlink(filepath.Join(fetched, jna), filepath.Join(folder, jna)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	env := append(host.Environment(t, ""), host.Debs()...)
	return &lab{r, folder, deliver, append(env,
		"RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile(), "RUNSPAN_LIBRARY="+host.Library(t)+"/librunspan.so",
		"XDG_CACHE_HOME="+t.TempDir(), // where JNA unpacks its own library
	)}
}

// outcome is what a user sees of a program.
type outcome struct{ stdout, stderr, status string }

// run runs a command. Where there is a fifo, the command gets SIGINT when it
// waits to read from it.
func (l *lab) run(t *testing.T, command, fifo string, more ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, "sh", "-c", "exec "+command)
	c.Dir, c.Env, c.Stdout, c.Stderr = l.folder, append(l.env, more...), &stdout, &stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with a child that hangs
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if fifo != "" {
		if writer := waitForReader(ctx, filepath.Join(l.folder, fifo)); writer != nil {
			time.Sleep(150 * time.Millisecond) // a run of 50 ms is reported as aborted
			_ = c.Process.Signal(os.Interrupt)
			defer writer.Close()
		}
	}
	if err := c.Wait(); c.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s%s", command, err, &stdout, &stderr)
	}
	return outcome{stdout.String(), stderr.String(), c.ProcessState.String()}
}

// waitForReader returns the fifo as soon as somebody reads from it.
func waitForReader(ctx context.Context, fifo string) *os.File {
	for ctx.Err() == nil {
		// Without a reader that is an error at once.
		if writer, err := os.OpenFile(fifo, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			return writer
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// flush sends what runs have left on the disk.
func (l *lab) flush(t *testing.T) {
	t.Helper()
	if out := l.run(t, l.deliver+" ../count/linecount.json", ""); out != (outcome{status: "exit status 0"}) {
		t.Errorf("deliver: %v", out)
	}
}

// example runs an example, opted out and not, which a user must not be able to
// tell apart.
func (l *lab) example(t *testing.T, command, fifo string) outcome {
	t.Helper()
	if fifo != "" {
		if err := syscall.Mkfifo(filepath.Join(l.folder, fifo), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	silent := l.run(t, command, fifo, "LINECOUNT_NO_TELEMETRY=")
	l.flush(t)
	if n := len(l.Requests()); n != 0 {
		t.Errorf("%d requests were made for a user who had opted out", n)
	}
	out := l.run(t, command, fifo)
	if out != silent {
		t.Errorf("with telemetry: %q\nwithout: %q", out, silent)
	}
	l.flush(t)
	return out
}
