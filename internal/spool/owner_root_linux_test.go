// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"path/filepath"
	"testing"
)

// These tests need root, to give folders to another user.

func chown(t *testing.T, path string, user int) {
	t.Helper()
	if err := os.Chown(path, user, user); err != nil {
		t.Fatal("to give a folder away, this test has to run as root:", err)
	}
}

func TestAnotherUsersFolderIsNotUsed(t *testing.T) {
	path := folderOf(t)
	if err := os.MkdirAll(path, 0o777); err != nil {
		t.Fatal(err)
	}
	chown(t, path, 12345)
	s := open(t, path, roomy)
	put(t, s, "a")
	if got := names(t, path); got != "" || sorted(drain(s)) != "a" {
		t.Errorf("files %s", got)
	}
}

func TestNoFolderInAnotherUsersFolder(t *testing.T) {
	for _, test := range []struct {
		below string // of a home that is another user's
		own   string // what in it is not
		made  bool
	}{
		{".local/state/runspan/service", "", false},
		{".local/state/runspan/service", ".local", true},
		{"", "", false},
		{".config", ".config", true},
	} {
		home := t.TempDir()
		chown(t, home, 12345)
		if test.own != "" {
			if err := os.Mkdir(filepath.Join(home, test.own), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(home, test.below)
		err := MakeFolder(path)
		if test.made != (err == nil) || !test.made && err.Error() != home+" is another user's" {
			t.Errorf("%+v: %v", test, err)
		}
		info, err := os.Stat(path)
		if test.below != "" && test.made != (err == nil) || test.made && info.Mode().Perm() != 0o700 {
			t.Errorf("%+v: %v, %v", test, info, err)
		}
		if entries, err := os.ReadDir(home); err != nil || !test.made && len(entries) > 0 {
			t.Errorf("%+v: %v, %v", test, entries, err)
		}
	}
}

// As TestAStandbyOutOfReach.
func TestAStandbyOfAnotherUser(t *testing.T) {
	outOfReach(t, []way{{
		"the folder is another user's",
		func(t *testing.T, _ *Spool, path string) { chown(t, path, 12345) },
		func(t *testing.T, _ *Spool, path string) { chown(t, path, 0) },
	}})
}

// Where the host comes back, the batch takes the standby's place after all.
func TestAStandbyComesIntoReachAgain(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	s.Standby("span", []byte("r"))
	written(t, s)
	chown(t, path, 12345)
	if err := s.Put([]byte("whole"), []string{"span"}); err != nil {
		t.Fatal(err)
	}
	written(t, s)
	chown(t, path, 0)
	shut(s)
	if got, lines := next(t, path); got != "whole" || lines > 0 {
		t.Errorf("the next run finds %q, and writes %d lines", got, lines)
	}
}

// Somebody cuts the file off: there is no memory then where it was.
func TestTruncatedStandby(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	s.Standby("span", []byte("r"))
	written(t, s)
	entries, err := os.ReadDir(path)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if err := os.Truncate(filepath.Join(path, entries[0].Name()), 0); err != nil {
		t.Fatal(err)
	}
	chown(t, path, 12345)
	if err := s.Put([]byte("whole"), []string{"span"}); err != nil {
		t.Fatal(err)
	}
	s.Delivered(claim(t, s))
	chown(t, path, 0)
	if s.HasOwn() {
		t.Error("something is left to deliver")
	}
}
