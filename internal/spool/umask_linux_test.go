// SPDX-License-Identifier: MIT

package spool

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The owner can use new files and folders, whatever the umask is.
func TestUmasks(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o177, 0o277, 0o477, 0o700, 0o777} {
		t.Run(fmt.Sprintf("%04o", umask), func(t *testing.T) {
			home := t.TempDir()
			path := filepath.Join(home, ".local", "state", "runspan", "service")
			defer syscall.Umask(syscall.Umask(umask))
			s := open(t, path, roomy)
			s.Standby("span", []byte("r"))
			put(t, s, "a", "b")
			s.SetPause(Pause{Failures: 1, Start: time.Now(), Duration: time.Second})
			s.Delivered(s.Claim())
			shut(s)
			if got := names(t, path); got != "delivered otlp otlp pause" {
				t.Errorf("files %s", got)
			}
			for at := path; at != home; at = filepath.Dir(at) {
				if info, err := os.Stat(at); err != nil || info.Mode() != os.ModeDir|0o700 {
					t.Errorf("%s: %v, %v", at, info.Mode(), err)
				}
			}
			entries, _ := os.ReadDir(path)
			for _, e := range entries {
				if info, err := e.Info(); err != nil || info.Mode() != 0o600 {
					t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
				}
			}
		})
	}
}

// A folder that was there, or that somebody makes at the same time, is theirs;
// a new one has the group that the one above hands down.
func TestExistingFoldersKeepTheirMode(t *testing.T) {
	above := t.TempDir()
	local := filepath.Join(above, ".local")
	if err := os.Mkdir(local, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(local, 0o750|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o177))
	if err := MakeFolder(filepath.Join(local, "state", "runspan")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{local: 0o750, filepath.Join(local, "state"): 0o700, filepath.Join(local, "state", "runspan"): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want|os.ModeDir|os.ModeSetgid {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	root, err := os.OpenRoot(above)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.Mkdir(filepath.Join(above, "theirs"), 0o500); err != nil {
		t.Fatal(err)
	}
	if err := makeFolderIn(root, "theirs"); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(above, "theirs")); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
