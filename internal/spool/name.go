// SPDX-License-Identifier: MIT

package spool

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// fileState is the state of a file: the last part of its name.
type fileState string

const (
	free fileState = "otlp" // a batch that any process may claim
	held fileState = "held" // has an owner: a batch that it delivers, or the standby of its run
	part fileState = "part" // has an owner, which is writing it
	bad  fileState = "bad"  // damaged; it stays for a while, for people to look at
)

// A folder may have two more files: the pause, with the latency, and the batch that
// was delivered last.
const (
	pauseFile     = "pause"
	deliveredFile = "delivered"
)

// file is a file in a service's folder. Its name is ID.OWNER.STATE, or ID.STATE if it
// has no owner. The spool leaves files with other names alone.
type file struct {
	id    string
	state fileState
	by    owner // in states held and part
}

// newID returns an id: 16 hex digits for the time, in nanoseconds since 1970, a dash,
// 8 digits for this process (owner.mark), and 8 random digits.
func newID() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return fmt.Sprintf("%016x-%s%x", uint64(time.Now().UnixNano()), thisProcess().mark(), random)
}

// madeByOwner reports whether the file's owner has also made it.
func (f file) madeByOwner() bool { return f.id[17:25] == f.by.mark() }

// to returns the file's name in a state without an owner.
func (f file) to(s fileState) file { return file{id: f.id, state: s} }

// made returns when the file was made.
func (f file) made() time.Time {
	nanoseconds, _ := strconv.ParseUint(f.id[:16], 16, 64) // parseFile has checked the digits
	return time.Unix(0, int64(nanoseconds))
}

func (f file) String() string {
	if f.by == "" {
		return f.id + "." + string(f.state)
	}
	return f.id + "." + string(f.by) + "." + string(f.state)
}

// parseFile parses a name. It accepts only names that String returns.
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
