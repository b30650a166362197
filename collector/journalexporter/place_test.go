// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// displacements are changes that others make to the file with the lines one and two.
var displacements = map[string]func(path string) error{
	"removed":             os.Remove,
	"renamed":             func(path string) error { return os.Rename(path, path+".1") },
	"renamed to one of":   func(path string) error { return os.Rename(path, strings.TrimSuffix(path, ".json")+"-x.json") },
	"emptied":             func(path string) error { return os.Truncate(path, 0) },
	"cut within a line":   func(path string) error { return os.Truncate(path, 6) },
	"cut behind a line":   func(path string) error { return os.Truncate(path, 4) },
	"filled with zeros":   func(path string) error { return os.Truncate(path, 100) },
	"appended to":         func(path string) error { return write(path, os.O_APPEND, "half") },
	"written over":        func(path string) error { return write(path, os.O_TRUNC, "other\nlines, and more\n") },
	"saved by an editor":  func(path string) error { return replace(path, "one\ntwo\n") },
	"replaced":            func(path string) error { return replace(path, "other\nha") },
	"replaced by nothing": func(path string) error { return replace(path, "") },
	"a link to itself":    func(path string) error { return moved(path, path) },
	"a link to it":        func(path string) error { return moved(path, path+".1") },
	"a folder": func(path string) error {
		return errors.Join(os.Remove(path), os.MkdirAll(path+"/folder", 0o700))
	},
	"a pipe": func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600)) },
	"another name left": func(path string) error {
		return errors.Join(os.Link(path, path+".1"), os.Remove(path))
	},
}

func write(path string, flag int, content string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|flag, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

func replace(path, content string) error {
	return errors.Join(os.WriteFile(path+".new", []byte(content), 0o640), os.Rename(path+".new", path))
}

func moved(path, to string) error {
	return errors.Join(os.Rename(path, path+".1"), os.Symlink(to, path))
}

// Whatever has become of the file, what is acknowledged then is in one that has
// its name: when a line comes, when none comes, and where it happens between the
// write of a line and the look at its file.
func TestReplacedFile(t *testing.T) {
	for name, displace := range displacements {
		for when, next := range map[string]func(*testing.T, *journal){
			"before a line": func(t *testing.T, j *journal) {
				must(t, displace(j.path))
				must(t, j.append([]byte("next")))
			},
			"idle": func(t *testing.T, j *journal) {
				must(t, displace(j.path))
				j.check()
				if found, err := os.Lstat(j.path); err != nil || !found.Mode().IsRegular() {
					t.Errorf("%v, %v", found, err)
				}
				must(t, j.append([]byte("next")))
			},
			"within a line": func(t *testing.T, j *journal) {
				within(t, j, func() { must(t, displace(j.path)) })
			},
		} {
			t.Run(name+", "+when, func(t *testing.T) {
				dir := t.TempDir()
				j := newJournal(t, dir+"/spans.json")
				var told []error
				j.noticed = func(why, err error) { told = append(told, why, err) }
				must(t, j.append([]byte("one")))
				must(t, j.append([]byte("two")))
				next(t, j)
				found, err := os.Lstat(j.path)
				must(t, err)
				if !found.Mode().IsRegular() {
					t.Fatal(found.Mode())
				}
				content, err := os.ReadFile(j.path)
				must(t, err)
				all := strings.SplitAfter(string(content), "\n")
				if !slices.Contains(all, "next\n") || all[len(all)-1] != "" {
					t.Errorf("then there is %q", content)
				}
				if len(told) != 2 || told[0] == nil || told[1] != nil {
					t.Fatalf("told %v", told)
				}
				must(t, j.append([]byte("last")))
				must(t, j.tend(time.Now().Add(2*time.Hour)))
				if len(told) != 2 {
					t.Errorf("told %v again", told[2:])
				}
			})
		}
	}
}

// within has somebody do something between the write of a line and the look.
func within(t *testing.T, j *journal, do func()) {
	t.Helper()
	before := j.written
	j.keepMu.Lock()
	done := make(chan error, 1)
	go func() { done <- j.append([]byte("next")) }()
	for written := before; written == before; {
		runtime.Gosched()
		j.mu.Lock()
		written = j.written
		j.mu.Unlock()
	}
	do()
	j.keepMu.Unlock()
	must(t, <-done)
}

// Where it happens in the middle of setting the file aside, lines that nobody was
// told of are written again.
func TestReplacedWhileSetAside(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir+"/spans.json")
	within(t, j, func() {
		must(t, os.Remove(j.path))
		must(t, j.tend(time.Now().Add(2*time.Hour)))
	})
	if all, _ := lines(t, dir); strings.Join(all, " ") != "next" {
		t.Errorf("%q", all)
	}
}

// Many write while somebody removes the file again and again: a line that was
// acknowledged after a removal is not in what was removed alone.
func TestRemovedUnderLoad(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir+"/spans.json")
	for round := range 50 {
		var lost []string
		within(t, j, func() {
			content, err := os.ReadFile(j.path)
			must(t, err)
			lost = strings.Split(string(content), "\n")
			must(t, os.Remove(j.path))
		})
		if all, _ := lines(t, dir); len(all) != 1 || !slices.Contains(lost, "next") {
			t.Fatalf("round %d: %q, and %q before", round, all, lost)
		}
	}
}

// Rights, times and further names are no matter of the journal's: the line is on
// the disk, under its name.
func TestOnlyMetadataChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"read-only":    func(path string) error { return os.Chmod(path, 0o400) },
		"no rights":    func(path string) error { return os.Chmod(path, 0) },
		"touched":      func(path string) error { return os.Chtimes(path, time.Unix(1, 0), time.Unix(1, 0)) },
		"another name": func(path string) error { return os.Link(path, path+".1") },
		"there and back": func(path string) error {
			return errors.Join(os.Rename(path, path+".1"), os.Rename(path+".1", path))
		},
	} {
		j := newJournal(t, t.TempDir()+"/spans.json")
		j.noticed = func(why, err error) { t.Errorf("%s: told %v, %v", name, why, err) }
		must(t, j.append([]byte("one")))
		must(t, change(j.path))
		j.check()
		must(t, j.append([]byte("two")))
		must(t, os.Chmod(j.path, 0o600))
		if content, err := os.ReadFile(j.path); err != nil || string(content) != "one\ntwo\n" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
}

// A folder that is not there is not made: where it was, another volume may be.
func TestMissingFolder(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "otlp")
	must(t, os.Mkdir(dir, 0o700))
	j := newJournal(t, dir+"/spans.json")
	told := 0
	j.noticed = func(error, error) { told++ }
	must(t, j.append([]byte("one")))
	must(t, os.Rename(dir, dir+".away"))
	for range 3 {
		if j.append([]byte("refused")) == nil {
			t.Error("it is acknowledged, and not there")
		}
		j.check()
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	must(t, os.Rename(dir+".away", dir))
	must(t, j.append([]byte("two")))
	if all, files := lines(t, dir); strings.Join(all, " ") != "one two" || files != 1 {
		t.Errorf("back again: %q in %d files", all, files)
	}

	must(t, os.Rename(dir, dir+".away"))
	must(t, os.Mkdir(dir, 0o700))
	must(t, j.append([]byte("three")))
	if all, files := lines(t, dir); strings.Join(all, " ") != "three" || files != 1 {
		t.Errorf("in another folder: %q in %d files", all, files)
	}
	other := &journal{path: j.path}
	if other.start() == nil {
		t.Error("it is not locked")
	}
	must(t, os.RemoveAll(dir))
	if j.append([]byte("refused")) == nil {
		t.Error("it is acknowledged without a folder")
	}
}

func TestAnotherVolume(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "journal")
	must(t, err)
	defer os.RemoveAll(memory)
	top := t.TempDir()
	must(t, os.Mkdir(top+"/here", 0o700))
	must(t, os.Symlink(top+"/here", top+"/otlp"))
	j := newJournal(t, top+"/otlp/spans.json")
	var broken error
	j.broken = func(err error) { broken = err }
	must(t, j.append([]byte("one")))
	must(t, os.Remove(top+"/otlp"))
	must(t, os.Symlink(memory, top+"/otlp"))
	for range 2 {
		if j.append([]byte("two")) == nil {
			t.Error("it is acknowledged on a volume that nobody has looked at")
		}
	}
	if _, files := lines(t, memory); files != 0 || broken == nil {
		t.Errorf("%d files, and it was told %v", files, broken)
	}
}

// A file of another user's earlier process can't be written to, and is set aside.
func TestAnotherUsersFile(t *testing.T) {
	if os.Geteuid() == 0 { // of this thread alone
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		must(t, syscall.Setfsuid(65534))
		defer func() { must(t, syscall.Setfsuid(0)) }()
	}
	dir, err := os.MkdirTemp("", "journal")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.WriteFile(dir+"/spans.json", []byte("one\n"), 0o400))
	must(t, newJournal(t, dir+"/spans.json").append([]byte("two")))
	if all, files := lines(t, dir); strings.Join(all, " ") != "one two" || files != 2 {
		t.Errorf("%q in %d files", all, files)
	}
}

// The metric has the acknowledged bytes of a file that is gone, by its mark.
func TestGoneBytes(t *testing.T) {
	dir := t.TempDir()
	j := newJournal(t, dir+"/spans.json")
	expect := func(what string, expected map[string]int64) {
		t.Helper()
		if got := j.gone(); len(got) != len(expected) || !slices.Equal(values(got), values(expected)) {
			t.Errorf("%s: %v", what, got)
		}
	}
	one, three := mark([]byte("one\n")), mark([]byte("three"))
	must(t, j.append([]byte("one")))
	must(t, j.append([]byte("two")))
	expect("written", nil)
	must(t, os.Remove(j.path))
	expect("removed", map[string]int64{one: 8})
	j.check()
	must(t, j.append([]byte("three")))
	expect("made anew", map[string]int64{one: 8})
	for _, again := range []string{"again", "and again"} { // into inodes that are free by now
		must(t, os.Rename(j.path, dir+"/away"))
		j.check()
		must(t, os.Remove(dir+"/away"))
		must(t, j.append([]byte(again+" with more than before")))
	}
	again := mark([]byte("again with more than before"))
	expect("made anew again", map[string]int64{one: 8, three: 6, again: 28})
	must(t, os.Remove(j.path))
	must(t, j.append([]byte("third")))
	must(t, j.tend(time.Now().Add(2*time.Hour)))
	must(t, j.append([]byte("four")))
	known := map[string]int64{one: 8, three: 6, again: 28, mark([]byte("and again with more than before")): 32}
	expect("set aside", known)
	aside, err := filepath.Glob(dir + "/spans-*.json")
	must(t, err)
	must(t, os.Truncate(aside[0], 3))
	known[mark([]byte("third"))] = 6
	expect("cut after it was set aside", known)
	must(t, j.close())
	j = newJournal(t, dir+"/spans.json")
	must(t, os.Remove(j.path))
	expect("of an earlier process", map[string]int64{mark([]byte("four")): 5})
}

func values(of map[string]int64) (all []string) {
	for mark, size := range of {
		all = append(all, mark+strings.Repeat("+", int(size)))
	}
	slices.Sort(all)
	return all
}

// As the store has it: the first line without its end, 4096 bytes at most.
func TestMark(t *testing.T) {
	for line, expected := range map[string]string{
		"":                               "e3b0c44298fc1c14",
		"{}\nnext":                       "44136fa355b3678a",
		"{}":                             "44136fa355b3678a",
		strings.Repeat("x", 5000) + "\n": mark([]byte(strings.Repeat("x", 4096))),
	} {
		if got := mark([]byte(line)); got != expected {
			t.Errorf("%.10q: %s", line, got)
		}
	}
}
