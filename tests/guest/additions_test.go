// SPDX-License-Identifier: MIT

package guest_test

import (
	"regexp"
	"testing"
)

// addition is what newer versions of CPython print, once, of a host with runspan,
// and do not print without it. These are all that is known.
type addition struct {
	since int // CPython 3.N
	text  *regexp.Regexp
}

var (
	// runspan's are the other threads.
	forkWarning = &addition{12, regexp.MustCompile(
		`(?m)^\S+/guest\.py:\d+: DeprecationWarning: This process \(N\) is multi-threaded, use of fork\(\) may lead to deadlocks in the child\.
  child = os\.fork\(\)
`)}
	// faulthandler's C stack: the core's handler has called faulthandler's.
	coreFrame = &addition{14, regexp.MustCompile(`(?m)^  Binary file "\S+/librunspan-core\.so", at \+N \[N\]\n`)}
)

// without is a host's output less the addition, which has to be there, once,
// where the host's Python is new enough.
func (a *addition) without(t *testing.T, p program, output string) string {
	t.Helper()
	if a == nil || p.minor < a.since {
		return output
	}
	found := a.text.FindAllStringIndex(output, -1)
	if len(found) != 1 {
		t.Errorf("CPython 3.%d prints %d times, with runspan, what should come once:\n%s\nIt prints\n%s", p.minor, len(found), a.text, output)
		return output
	}
	return output[:found[0][0]] + output[found[0][1]:]
}
