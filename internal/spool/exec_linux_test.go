// SPDX-License-Identifier: MIT

package spool

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// After an exec a process has another program, and the same name but for that.
func TestOwnerBeforeExec(t *testing.T) {
	parts := strings.Split(string(thisProcess()), "-")
	if len(parts) != 5 {
		t.Fatalf("%s has no image", thisProcess())
	}
	before := owner(strings.Join(append(slices.Clone(parts[:4]), "0123abcd"), "-"))
	other := owner(strings.Join([]string{parts[0], parts[1], parts[2], "1", "0123abcd"}, "-"))
	nameless := owner(strings.Join(parts[:4], "-"))
	madeBy := func(o owner, s fileState) file {
		id := newID()
		return file{id[:17] + o.mark() + id[25:], s, o}
	}
	for _, test := range []struct {
		name    string
		f       file
		kind    kind
		found   bool // for delivery
		removed bool
	}{
		{"its standby", madeBy(before, held), kindStandby, false, true},
		{"its batch", madeBy(before, held), kindWhole, true, false},
		{"its batch, in a standby's place", madeBy(before, held), kindInPlace, true, false},
		{"what it was writing", madeBy(before, part), kindWhole, false, true},
		{"a killed run's standby, which it delivered", file{madeBy(other, held).id, held, before}, kindStandby, true, false},
		{"this program's standby", madeBy(thisProcess(), held), kindStandby, false, false},
		{"this program's batch", madeBy(thisProcess(), held), kindWhole, false, false},
		{"a standby of an unknown program of this process", madeBy(nameless, held), kindStandby, false, false},
	} {
		path := folderOf(t)
		plant(t, path, test.f, frameOf(test.kind, []byte("r"), 0))
		late := open(t, path, roomy)
		shut(late) // before it has looked
		_, err := os.Stat(filepath.Join(path, test.f.String()))
		if wanted := test.removed && test.f.state == held; wanted != os.IsNotExist(err) {
			t.Errorf("%s: at the end of a short run: %v", test.name, err)
		}
		plant(t, path, test.f, frameOf(test.kind, []byte("r"), 0))
		s := open(t, path, roomy)
		if got := drain(s); test.found != (len(got) == 1) {
			t.Errorf("%s: delivered %q", test.name, got)
		}
		if left := names(t, path); (test.found || test.removed) != (left == "") {
			t.Errorf("%s: files %s", test.name, left)
		}
	}
}
