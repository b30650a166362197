// SPDX-License-Identifier: MIT

package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func service(switches string) Service {
	return Service{Name: "tool", Switches: switches, Off: func() string { return "" }, Clear: func() {}}
}

func TestOffMakesNothingInAnotherUsersHome(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("to give a folder away, this test has to run as root")
	}
	home := t.TempDir()
	s := service(filepath.Join(home, ".config", "runspan"))
	for _, test := range []struct {
		owner int
		code  int
		out   string
	}{
		{12345, Failed, "tool: " + home + " is another user's\n"},
		{0, Done, "tool\n  telemetry  on\n  last sent  no record of it here\n  waiting    nothing: no folder for it (HOME and XDG_STATE_HOME name none)\n"},
	} {
		if err := os.Chown(home, test.owner, test.owner); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		code := s.Run([]string{"off"}, &out)
		if code != test.code || out.String() != test.out {
			t.Errorf("owner %d: exit code %d, %q", test.owner, code, out.String())
		}
		_, err := os.Stat(filepath.Join(s.Switches, "tool.off"))
		entries, _ := os.ReadDir(home)
		if made := err == nil; made != (code == Done) || !made && len(entries) > 0 {
			t.Errorf("owner %d: %v, %v", test.owner, err, entries)
		}
	}
}

// full is a disk that is full after a number of writes.
type full int

func (f *full) Write(text []byte) (int, error) {
	if *f == 0 {
		return 0, errors.New("no space left")
	}
	*f--
	return len(text), nil
}

func TestWhatCantBeWrittenHasFailed(t *testing.T) {
	s := service(t.TempDir())
	for _, words := range [][]string{{"status"}, {"status", "--json"}, {"off"}, {"on"}, {"purge"}, {"nothing"}} {
		room := full(0)
		if code := s.Run(words, &room); code != Failed {
			t.Errorf("%v: exit code %d, and nothing could be written", words, code)
		}
	}
	room := full(1)
	if code := s.Run([]string{"status"}, &room); code != Failed {
		t.Errorf("exit code %d, and one line could be written", code)
	}
	room = full(100)
	if code := s.Run([]string{"status"}, &room); code != Done {
		t.Errorf("exit code %d, and all could be written", code)
	}
}
