// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fileState is what a file is, by the last part of its name.
type fileState string

const (
	free fileState = "otlp" // for whoever claims it
	held fileState = "held" // by a process: what it delivers, or a run in it that has not ended
	part fileState = "part" // being written by a process
	bad  fileState = "bad"  // not to be sent; kept for a while, for people to look at
)

// Besides there may be these two files: the pause, with the distance, and the last
// batch that was delivered, as it was in the folder before.
const (
	pauseFile     = "pause"
	deliveredFile = "delivered"
)

// file is a file in a service's folder. Its name is ID.STATE, or ID.OWNER.STATE
// where a process has it. Files of other names are not the spool's: it leaves
// them alone.
type file struct {
	id    string
	state fileState
	by    owner // of held and part
}

// id is 16 hex digits for when the file was made, in nanoseconds since 1970, a
// dash, 8 for which process has made it, and 8 random ones.
func newID() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%016x-%s%x", uint64(time.Now().UnixNano()), thisProcess().mark(), random)
}

// madeByOwner says whether the process that has the file has also made it.
func (f file) madeByOwner() bool { return f.id[17:25] == f.by.mark() }

// to is the file in a state that has no owner.
func (f file) to(s fileState) file { return file{id: f.id, state: s} }

// made returns when the file was made.
func (f file) made() time.Time {
	nanoseconds, _ := strconv.ParseUint(f.id[:16], 16, 64) // parseFile has looked
	return time.Unix(0, int64(nanoseconds))
}

func (f file) String() string {
	if f.by == "" {
		return f.id + "." + string(f.state)
	}
	return f.id + "." + string(f.by) + "." + string(f.state)
}

// parseFile reads a name. Only what String returns is one.
func parseFile(name string) (file, bool) {
	id, rest, _ := strings.Cut(name, ".")
	if len(id) != 33 || id[16] != '-' || !isHex(id[:16]) || !isHex(id[17:]) {
		return file{}, false
	}
	by, last, owned := strings.Cut(rest, ".")
	if !owned {
		s := fileState(by)
		return file{id: id, state: s}, s == free || s == bad
	}
	f := file{id: id, state: fileState(last), by: owner(by)}
	return f, f.by.valid() && (f.state == held || f.state == part)
}

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}
