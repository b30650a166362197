// SPDX-License-Identifier: MIT

package guest_test

import (
	"fmt"
	"regexp"
	"testing"
)

// felt is how a host feels the core in it: what the host does less well than without
// runspan. With the core beside the host it does not happen, unless the situation says so.
type felt struct {
	fact *regexp.Regexp // is in place of the control's
	ends string         // how the host ends, once it has been killed; empty: as the control
}

// without makes the outcome the control's, as far as the difference is known, which has
// to be there, and returns its words.
func (f *felt) without(t *testing.T, o *outcome, control outcome) (words string) {
	t.Helper()
	switch {
	case f == nil:
		return ""
	case f.ends != "":
		if o.status != f.ends {
			t.Errorf("it ends with %s: want the known %s", o.status, f.ends)
		}
		o.status, o.output, o.facts, o.took = control.status, control.output, control.facts, control.took
		return "; felt: it does not end" + map[bool]string{true: ", and can't be killed"}[f.ends != "SIGKILL"]
	}
	for i, got := range o.facts {
		if i < len(control.facts) && got != control.facts[i] && f.fact.MatchString(got) {
			o.facts[i] = control.facts[i]
			return fmt.Sprintf("; felt: %s, without runspan %s", got, control.facts[i])
		}
	}
	t.Errorf("the host does not feel the core: %q, as the control", o.facts)
	return ""
}
