// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// away is a way in which a host's own folder gets out of its reach, or that of its
// path, and how it comes back for the next run.
type way struct {
	name        string
	leave, back func(t *testing.T, s *Spool, path string)
}

var away = []way{
	{"the paths lead elsewhere", func(t *testing.T, s *Spool, _ string) {
		var err error
		if s.folder.top, err = os.Stat("/proc"); err != nil {
			t.Fatal(err)
		}
	}, func(*testing.T, *Spool, string) {}},
	{"the folder has another path", func(t *testing.T, _ *Spool, path string) {
		if err := os.Rename(path, path+".moved"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil { // and none can be made there
			t.Fatal(err)
		}
	}, func(t *testing.T, _ *Spool, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".moved", path); err != nil {
			t.Fatal(err)
		}
	}},
}

// next returns what the next run finds, once this process is gone, and how many
// lines it writes to the log.
func next(t *testing.T, path string) (found string, lines int) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if f, ok := parseFile(e.Name()); ok && f.state == held {
			if err := os.Rename(filepath.Join(path, e.Name()), filepath.Join(path, f.to(free).String())); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := Open(path, roomy, anything, func(string) { lines++ })
	defer shut(s)
	found = sorted(drain(s))
	if left := names(t, path); left != "" {
		t.Errorf("files %s", left)
	}
	return found, lines
}

// A host may give up what it takes to replace a standby, or to remove it. The run
// is reported with its outcome all the same, and once.
func TestAStandbyOutOfReach(t *testing.T) { outOfReach(t, away) }

func outOfReach(t *testing.T, away []way) {
	for _, way := range away {
		for _, test := range []struct {
			name string
			do   func(*Spool)
			want string // what the next run finds
		}{
			{"it is killed", func(*Spool) {}, "other r1"},
			{"it goes on, and is killed", func(s *Spool) { s.Standby("span", []byte("r2")) }, "other r2"},
			{"it ends", func(s *Spool) { _ = s.Put([]byte("whole"), []string{"span"}) }, "other whole"},
			{"two end", func(s *Spool) { _ = s.Put([]byte("both"), []string{"span", "other"}) }, "both"},
			{"it ends, and there is too little room", func(s *Spool) {
				_ = s.Put([]byte(strings.Repeat("x", 9999)), []string{"span"})
			}, "other r1"},
			{"it is delivered", func(s *Spool) {
				_ = s.Put([]byte("whole"), []string{"span"})
				s.Delivered(claim(t, s))
			}, "other"},
			{"there is too little room, and it is delivered", func(s *Spool) {
				_ = s.Put([]byte(strings.Repeat("x", 9999)), []string{"span"})
				s.Delivered(claim(t, s))
			}, "other"},
			{"it is refused", func(s *Spool) {
				_ = s.Put([]byte("whole"), []string{"span"})
				s.Remove(claim(t, s))
			}, "other"},
			{"it is set aside", func(s *Spool) {
				_ = s.Put([]byte("whole"), []string{"span"})
				s.SetAside(claim(t, s))
			}, "other"},
			{"it is tried again, and delivered", func(s *Spool) {
				_ = s.Put([]byte("both"), []string{"other", "span"})
				s.Return(claim(t, s))
				s.Delivered(claim(t, s))
			}, ""},
			{"it ends, and closes", func(s *Spool) {
				_ = s.Put([]byte("whole"), []string{"span"})
				shut(s)
			}, "other whole"},
		} {
			t.Run(way.name+"/"+test.name, func(t *testing.T) {
				path := folderOf(t)
				s := open(t, path, roomy)
				s.Standby("span", []byte("r1"))
				s.Standby("other", []byte("other"))
				written(t, s)
				way.leave(t, s, path)
				test.do(s)
				written(t, s)
				way.back(t, s, path)
				if got, lines := next(t, path); got != test.want || lines > 0 {
					t.Errorf("the next run finds %q, and writes %d lines", got, lines)
				}
			})
		}
	}
}

func claim(t *testing.T, s *Spool) *Batch {
	t.Helper()
	written(t, s)
	b := s.Claim()
	if b == nil {
		t.Fatal("there is nothing to claim")
	}
	return b
}

// A standby that was withdrawn is nothing that waits.
func TestWithdrawnStandbysAreNotListed(t *testing.T) {
	path := folderOf(t)
	plant(t, path, file{newID(), held, thisProcess()}, frameOf(kindWithdrawn, []byte("r"), 10))
	plant(t, path, file{newID(), held, thisProcess()}, frameOf(kindStandby, []byte("r"), 10))
	entries := Entries(path)
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	if request, err := entries[0].Request(); err != nil || string(request) != "r" {
		t.Errorf("%q, %v", request, err)
	}
}

func TestFramesWithPadding(t *testing.T) {
	for _, what := range []kind{kindStandby, kindInPlace} {
		for _, room := range []int{0, 1, 5000} {
			content := frameOf(what, []byte("request"), room)
			if got, err := unframe(content); err != nil || string(got) != "request" {
				t.Errorf("%c, %d: %q, %v", what, room, got, err)
			}
			if room > 0 {
				content[len(content)-1] = 1
				if _, err := unframe(content); err != errFrame {
					t.Errorf("%c, %d: damaged: %v", what, room, err)
				}
			}
		}
	}
	for _, size := range []int{0, 1, 3000, 4096, 1 << 20, maxRequest - 1, maxRequest} {
		request := make([]byte, size)
		if all := headerBytes + size + padding(request); all > headerBytes+maxRequest || all < headerBytes+size {
			t.Errorf("a request of %d bytes has a file of %d", size, all)
		}
	}
}
