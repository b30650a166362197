// SPDX-License-Identifier: MIT

package journalexporter

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func newJournal(t *testing.T, path string) *journal {
	t.Helper()
	j := &journal{path: path, maxSize: 1 << 20, maxAge: time.Hour, sync: true, broken: func(error) {}}
	if err := j.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.close() })
	return j
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// lines are those of the file and of what was set aside.
func lines(t *testing.T, dir string) (all []string, files int) {
	t.Helper()
	paths, err := filepath.Glob(dir + "/spans*.json")
	must(t, err)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		must(t, err)
		if len(content) == 0 {
			continue
		}
		if content[len(content)-1] != '\n' {
			t.Errorf("%s ends within a line", path)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")...)
	}
	return all, len(paths)
}

func TestHalfLineOfAKill(t *testing.T) {
	long := strings.Repeat("x", 200<<10)
	for name, test := range map[string]struct{ before, after string }{
		"nothing":            {"", ""},
		"whole lines":        {"one\ntwo\n", "one\ntwo\n"},
		"half a line":        {"one\ntw", "one\n"},
		"half of the first":  {"on", ""},
		"half of a long one": {"one\n" + long, "one\n"},
		"a long one":         {long + "\n" + long, long + "\n"},
	} {
		path := filepath.Join(t.TempDir(), "spans.json")
		must(t, os.WriteFile(path, []byte(test.before), 0o600))
		must(t, newJournal(t, path).append([]byte("next")))
		content, err := os.ReadFile(path)
		must(t, err)
		if string(content) != test.after+"next\n" {
			t.Errorf("%s: %.20q... of %d bytes", name, content, len(content))
		}
	}
}

// A full disk: the half that got there is cut off, and what comes later is whole.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, filepath.Join(dir, "spans.json"))
	must(t, j.append([]byte("first")))
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	full := before
	full.Cur = 10 // bytes of the file
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full))
	err := j.append([]byte("second"))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
	if err == nil {
		t.Error("it was acknowledged")
	}
	if content, err := os.ReadFile(j.path); err != nil || string(content) != "first\n" {
		t.Errorf("then there was %q, %v", content, err)
	}
	must(t, j.append([]byte("third")))
	if all, _ := lines(t, dir); strings.Join(all, " ") != "first third" {
		t.Errorf("in the end %v", all)
	}
}

// Lines from many at once, while the file is set aside again and again: all are
// there, once, in files that their group may read, and nobody else.
func TestConcurrentLines(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	const writers, each = 16, 50
	dir := t.TempDir()
	j := newJournal(t, filepath.Join(dir, "spans.json"))
	j.maxSize = 1000
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := j.append(fmt.Appendf(nil, "%d.%d %s", w, i, strings.Repeat("x", w))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, files := lines(t, dir)
	seen := make(map[string]bool)
	for _, line := range got {
		seen[line] = true
	}
	if len(got) != writers*each || len(seen) != writers*each || files < 10 {
		t.Errorf("%d lines, %d of them distinct, in %d files", len(got), len(seen), files)
	}
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		must(t, err)
		info, err := entry.Info()
		must(t, err)
		if !entry.IsDir() && (info.Mode().Perm() != 0o640 || info.Size() > j.maxSize) {
			t.Errorf("%s has mode %v and %d bytes", path, info.Mode(), info.Size())
		}
		return nil
	}))
}

// Where the half can't be cut off either, nothing is written behind it.
func TestHalfLineThatStays(t *testing.T) {
	j := newJournal(t, t.TempDir()+"/spans.json")
	must(t, j.append([]byte("first")))
	good := j.file
	_, err := good.WriteString("sec")
	must(t, err)
	reader, err := os.Open(j.path) // which can neither be written to nor cut
	must(t, err)
	defer reader.Close()
	j.file = reader
	for range 2 {
		if j.append([]byte("second")) == nil {
			t.Error("it was acknowledged")
		}
	}
	j.file = good
	if j.tend(time.Now().Add(2*time.Hour)) != nil || j.append([]byte("third")) != nil {
		t.Error("it goes on failing")
	}
	if all, files := lines(t, filepath.Dir(j.path)); strings.Join(all, " ") != "first third" || files != 2 {
		t.Errorf("%q in %d files", all, files)
	}
}

func TestAnotherCollector(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir+"/spans.json")
	must(t, j.append([]byte("one")))
	other := &journal{path: j.path, sync: true}
	if other.start() == nil {
		t.Fatal("two have the same folder")
	}
	must(t, j.close())
	must(t, other.start())
	defer other.close()
	other.maxAge, other.maxSize = time.Hour, 1<<20
	must(t, other.tend(time.Now()))
	if all, files := lines(t, dir); strings.Join(all, " ") != "one" || files != 2 {
		t.Errorf("what an earlier process has begun: %q in %d files", all, files)
	}
}

func TestAge(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, filepath.Join(dir, "spans.json"))
	now := time.Now()
	must(t, j.tend(now.Add(2*time.Hour)))
	if _, files := lines(t, dir); files != 1 {
		t.Errorf("an empty file was set aside: %d files", files)
	}
	must(t, j.append([]byte("one")))
	must(t, j.tend(now.Add(time.Minute)))
	if _, files := lines(t, dir); files != 1 {
		t.Errorf("a young file was set aside: %d files", files)
	}
	must(t, j.tend(now.Add(2*time.Hour)))
	must(t, j.append([]byte("two")))
	if all, files := lines(t, dir); files != 2 || len(all) != 2 {
		t.Errorf("%d files with %v", files, all)
	}
}

// Where it can't be set aside, it goes on as it is.
func TestCannotBeSetAside(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, filepath.Join(dir, "spans"+strings.Repeat("-", 240)+".json")) // no name can be longer by a time
	j.maxSize = 10
	must(t, j.append([]byte("12345678")))
	for range 2 {
		must(t, j.append([]byte("more")))
	}
	if j.tend(time.Now()) == nil {
		t.Error("nobody is told")
	}
	if all, files := lines(t, dir); files != 1 || strings.Join(all, " ") != "12345678 more more" {
		t.Errorf("%d files with %v", files, all)
	}
}

// A pipe can't be synced: it stands for a disk that fails while the file is set
// aside, of which the kernel would tell nobody else.
func TestADiskThatFailsOnce(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir+"/spans.json")
	must(t, j.append([]byte("before")))
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	good, told := j.file, 0
	j.file, j.broken = w, func(error) { told++ }
	if err := j.tend(time.Now().Add(2 * time.Hour)); err == nil {
		t.Error("it was set aside")
	}
	j.file = good
	for range 2 {
		if err := j.append([]byte("after")); err == nil {
			t.Error("a line is acknowledged, and what the disk holds is not known")
		}
	}
	if got, files := lines(t, dir); strings.Join(got, " ") != "before" || files != 1 || told != 1 {
		t.Errorf("%q in %d files; it was told %d times", got, files, told)
	}
}

func TestExporter(t *testing.T) {
	dir := t.TempDir()
	config := NewFactory().CreateDefaultConfig().(*Config)
	if config.Validate() == nil {
		t.Error("valid without a path")
	}
	config.Path = dir + "/spans.json"
	must(t, config.Validate())
	ctx := context.Background()
	e, err := NewFactory().CreateTraces(ctx, exportertest.NewNopSettings(NewFactory().Type()), config)
	must(t, err)
	must(t, e.Start(ctx, componenttest.NewNopHost()))
	spans := ptrace.NewTraces()
	spans.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("call")
	must(t, e.ConsumeTraces(ctx, spans))
	all, _ := lines(t, dir) // before Shutdown: it is acknowledged
	unmarshaler := ptrace.JSONUnmarshaler{}
	if len(all) != 1 {
		t.Fatalf("lines %v", all)
	}
	if got, err := unmarshaler.UnmarshalTraces([]byte(all[0])); err != nil || got.SpanCount() != 1 {
		t.Errorf("%s: %v", all[0], err)
	}
	must(t, e.Shutdown(ctx))

	config.Path = dir + "/no/spans.json"
	e, err = NewFactory().CreateTraces(ctx, exportertest.NewNopSettings(NewFactory().Type()), config)
	must(t, err)
	if e.Start(ctx, componenttest.NewNopHost()) == nil {
		t.Error("it starts without a folder")
	}
	must(t, e.Shutdown(ctx))
}
