// SPDX-License-Identifier: MIT

package command

import (
	"errors"
	"testing"
)

// full is a disk that is full after a number of writes.
type full int

func (f *full) Write(text []byte) (int, error) {
	if *f == 0 {
		return 0, errors.New("no space left")
	}
	*f--
	return len(text), nil
}

func TestACommandFailsIfItsOutputCantBeWritten(t *testing.T) {
	s := Service{Name: "tool"}
	for _, test := range []struct {
		asked Request
		room  full
		code  int
	}{
		{Request{Command: "status"}, 0, Failed},
		{Request{Command: "status", JSON: true}, 0, Failed},
		{Request{Command: "preview"}, 0, Failed},
		{Request{Command: "nothing"}, 0, Failed},
		{Request{Command: "status"}, 1, Failed},
		{Request{Command: "status"}, 100, Done},
	} {
		room := test.room
		if code := s.Run(test.asked, &room); code != test.code {
			t.Errorf("%+v, and %d lines can be written: exit code %d, want %d", test.asked, test.room, code, test.code)
		}
	}
}
