// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// made makes a folder with files.
func made(t *testing.T, names ...string) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

// While one process changes a file's name, another one that would do so waits. So it does
// not change the file under the new name.
func TestOneAtATimeChangesAFile(t *testing.T) {
	for name, other := range map[string]func(*os.Root) error{
		"rename": func(root *os.Root) error { return rename(root, "a", "c") },
		"remove": func(root *os.Root) error { return remove(root, "a") },
	} {
		root, _ := made(t, "a")
		ended := make(chan error, 1)
		err := change(root, "a", func(_, _ windows.Handle) error {
			go func() { ended <- other(root) }()
			time.Sleep(20 * time.Millisecond)
			if len(ended) > 0 {
				t.Errorf("%s does not wait", name)
			}
			return nil
		})
		if err := errors.Join(err, <-ended); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := other(root); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of a file that is gone: %v", name, err)
		}
	}
}

// Others may read a file that is renamed. A program that shares nothing delays a change, and
// so does a reader of the file whose place is taken, where the file system wants that.
func TestFilesThatOthersHaveOpen(t *testing.T) {
	root, dir := made(t, "a", "b", "locked")
	for _, name := range []string{"a", "b"} {
		reader, err := root.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "a" {
			defer reader.Close()
		} else {
			time.AfterFunc(30*time.Millisecond, func() { reader.Close() })
		}
	}
	if err := rename(root, "a", "b"); err != nil {
		t.Error(err)
	}
	if content, err := os.ReadFile(filepath.Join(dir, "b")); err != nil || string(content) != "a" {
		t.Errorf("%q, %v", content, err)
	}
	if err := remove(root, "b"); err != nil {
		t.Error(err)
	}
	path, err := windows.UTF16PtrFromString(filepath.Join(dir, "locked"))
	if err != nil {
		t.Fatal(err)
	}
	alone, err := windows.CreateFile(path, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := rename(root, "locked", "free"); !errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		t.Errorf("a file that another program has locked: %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = windows.CloseHandle(alone) })
	if err := rename(root, "locked", "free"); err != nil {
		t.Errorf("a file that another program had locked: %v", err)
	}
}

// A rename changes the file's time, as ctime changes on Linux.
func TestARenameChangesTheTime(t *testing.T) {
	root, dir := made(t, "a")
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "a"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := rename(root, "a", "b"); err != nil {
		t.Fatal(err)
	}
	if info, err := root.Lstat("b"); err != nil || time.Since(changedAt(info)) > time.Minute {
		t.Errorf("%v, %v", info, err)
	}
}
