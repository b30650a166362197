// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFileModes(t *testing.T) {
	path := folderOf(t)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, roomy)
	s.Standby("span", []byte("r"))
	put(t, s, "a")
	if names(t, path) != "held held" {
		t.Errorf("files %s", names(t, path))
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v %v", info.Mode(), err)
	}
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
}

// In a folder that others can write, one of them could change it between a look
// and the next.
func TestLinkInsteadOfAFolderIsNotFollowed(t *testing.T) {
	above := t.TempDir()
	path, elsewhere := filepath.Join(above, "service"), filepath.Join(above, "elsewhere")
	if err := os.Mkdir(elsewhere, 0o755); err != nil {
		t.Fatal(err)
	}
	swap := func() {
		if err := errors.Join(os.Remove(path), os.Symlink("elsewhere", path)); err != nil {
			t.Fatal(err)
		}
	}
	inAbove, err := os.OpenRoot(above)
	if err != nil {
		t.Fatal(err)
	}
	defer inAbove.Close()
	for _, test := range []struct {
		name, path string
		lstat      func(string) (os.FileInfo, error)
		open       func(string) (*os.Root, error)
		after      func() // the look
		want       error
	}{
		{"a folder", path, os.Lstat, os.OpenRoot, func() {}, nil},
		{"a folder in another", "service", inAbove.Lstat, inAbove.OpenRoot, func() {}, nil},
		{"a link", path, os.Lstat, os.OpenRoot, swap, errNoFolder},
		{"a link in another folder", "service", inAbove.Lstat, inAbove.OpenRoot, swap, errNoFolder},
	} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		root, _, err := openNoLink(func(path string) (os.FileInfo, error) {
			info, err := test.lstat(path)
			test.after()
			return info, err
		}, test.open, test.path)
		if err != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
		if root != nil {
			root.Close()
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("elsewhere", path); err != nil { // that is there from the start
		t.Fatal(err)
	}
	s := open(t, path, roomy)
	put(t, s, "a")
	if info, err := os.Stat(elsewhere); names(t, elsewhere) != "" || err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("files %s, %v, %v", names(t, elsewhere), info, err)
	}
}

// A file that can't be read just now stays for a later run.
func TestTemporaryErrorSetsNothingAside(t *testing.T) {
	path := folderOf(t)
	large := Limits{Files: 100, Bytes: 1 << 30, Age: time.Hour}
	s := open(t, path, large)
	for range 2 { // the second is not kept in memory
		if err := s.Put(make([]byte, cachedBytes), nil); err != nil {
			t.Fatal(err)
		}
	}
	written(t, s)
	plant(t, path, file{id: newID(), state: free}, frame([]byte("found")))
	s.Remove(s.Claim())
	// One descriptor is free: enough to rename the file, too few to read it.
	scarce(t, 1, func() {
		if b := s.Claim(); b != nil {
			t.Errorf("claimed %d bytes", len(b.Request))
		}
	})
	if !s.HasOwn() {
		t.Error("its own batch is taken for delivered")
	}
	if got := names(t, path); strings.Contains(got, "bad") {
		t.Errorf("files %s", got)
	}
	shut(s)
	if got := drain(open(t, path, large)); len(got) != 2 {
		t.Errorf("%d batches are left", len(got))
	}
}

// scarce calls use where so many descriptors are free and no more.
func scarce(t *testing.T, free int, use func()) {
	t.Helper()
	var taken []*os.File
	defer func() {
		for _, f := range taken {
			f.Close()
		}
	}()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := limit
	few.Cur = 64
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	}()
	for {
		f, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		taken = append(taken, f)
	}
	for _, f := range taken[len(taken)-free:] {
		f.Close()
	}
	taken = taken[:len(taken)-free]
	use()
}

// A flush and a close ask a spool whether it is empty. They don't wait while one
// that holds far more than its limits is looked through.
func TestScanOfManyFilesDoesNotBlock(t *testing.T) {
	path := folderOf(t)
	const files = 20000
	for i := range files {
		plant(t, path, file{id: fmt.Sprintf("%016x-%016x", time.Now().UnixNano(), i), state: free}, nil)
	}
	s := open(t, path, Limits{Files: 100, Bytes: 1 << 20, Age: time.Hour})
	looked := make(chan struct{})
	go func() {
		s.ScanFolder()
		close(looked)
	}()
	var longest time.Duration
	for done := false; !done; {
		select {
		case <-looked:
			done = true
		default:
		}
		begun := time.Now()
		s.HasOwn()
		s.IsIdle()
		longest = max(longest, time.Since(begun))
	}
	if longest > 500*time.Millisecond {
		t.Errorf("it waited %v", longest)
	}
	if left := strings.Fields(names(t, path)); len(left) != 100 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestHostileFiles(t *testing.T) {
	path := folderOf(t)
	for _, content := range notOurs {
		plant(t, path, file{id: newID(), state: free}, content)
	}
	large := file{id: newID(), state: free}
	plant(t, path, large, nil)
	if err := os.Truncate(filepath.Join(path, large.String()), int64(headerBytes+maxRequest+1)); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, frame([]byte("secret")), 0o600); err != nil {
		t.Fatal(err)
	}
	// What has a name of ours and is no file of ours stays as it is.
	for _, err := range []error{
		os.Symlink(secret, filepath.Join(path, file{id: newID(), state: free}.String())),
		os.Symlink("nowhere", filepath.Join(path, file{id: newID(), state: free}.String())),
		os.Link(secret, filepath.Join(path, "a.otlp")),
		os.Mkdir(filepath.Join(path, file{id: newID(), state: free}.String()), 0o700),
		syscall.Mkfifo(filepath.Join(path, file{id: newID(), state: free}.String()), 0o600),
		os.WriteFile(filepath.Join(path, "README"), []byte("mine"), 0o644),
		os.WriteFile(filepath.Join(path, newID()+".otlp2"), frame([]byte("newer")), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	before := strings.Fields(names(t, path))
	s := open(t, path, roomy)
	put(t, s, "a")
	if got := sorted(drain(s)); got != "a" {
		t.Errorf("delivered %s", got)
	}
	if after := strings.Fields(names(t, path)); len(after) != len(before) || strings.Count(fmt.Sprint(after), "bad") != len(notOurs)+1 {
		t.Errorf("before %v, after %v", before, after)
	}
	if content, err := os.ReadFile(secret); err != nil || string(content) != string(frame([]byte("secret"))) {
		t.Errorf("a file outside of the folder: %q %v", content, err)
	}
}

// Where nothing can be written, all goes on in memory.
func TestUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "service"), "/proc/service", "/proc/self/fd", "/\x00", "/dev/null"} {
		s := open(t, path, roomy)
		s.Standby("span", []byte("r"))
		put(t, s, "a")
		s.SetPause(Pause{Failures: 1, Start: time.Now(), Duration: time.Second})
		if s.Pause().Failures != 1 {
			t.Errorf("%q: no pause", path)
		}
		s.Return(s.Claim())
		if got := sorted(drain(s)); got != "a" || !empty(s) {
			t.Errorf("%q: %s", path, got)
		}
	}
}

// A pause that can't be written holds for this process, whatever there was before.
func TestAPauseThatCannotBeWritten(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	put(t, s, "a")
	s.SetPause(Pause{Failures: 1, Start: time.Now(), Duration: time.Second})
	longer := Pause{Failures: 2, Start: time.UnixMilli(time.Now().UnixMilli()), Duration: time.Minute}
	scarce(t, 0, func() { s.SetPause(longer) })
	if got := s.Pause(); got != longer || ReadPause(path).Failures != 1 {
		t.Errorf("got %v, want %v", got, longer)
	}
}

// Where /proc can't be read just now nobody is gone.
func TestOwnersWithoutADescriptor(t *testing.T) {
	living, dead := sleep(t), sleep(t)
	owners := []owner{ownerOf(t, living.Process.Pid), ownerOf(t, dead.Process.Pid)}
	_ = dead.Process.Kill()
	_ = dead.Wait()
	scarce(t, 0, func() {
		for _, o := range owners {
			if _, known := o.gone(); known {
				t.Errorf("without a descriptor, %s is known to live or not", o)
			}
		}
	})
}
