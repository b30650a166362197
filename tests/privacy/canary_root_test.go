// SPDX-License-Identifier: MIT

package privacy_test

import (
	"strings"
	"testing"

	"runspan/tests/host"
)

// This test needs root, for files of /etc, a host name and a name server of its own.

// TestCanaries finds the canaries of StripePy as published where they are known
// to be, and none of runspan's hosts anywhere, but by intent.
func TestCanaries(t *testing.T) {
	rows := make([]string, len(places))
	for i, p := range places {
		rows[i] = "| " + p.title() + " |"
	}
	all := true
	for _, s := range subjects(t) {
		ran := false
		t.Run(s.name, func(t *testing.T) {
			ran = true
			c := newCage(t, s.runspan)
			for _, trip := range s.trips {
				c.run(trip)
			}
			c.addTap(&c.tap, c.collector, c.plain)
			c.control()
			for i, p := range places {
				want := p.published
				if s.runspan {
					want = p.runspan
				}
				rows[i] += " " + c.cell(p, want) + " |"
			}
		})
		all = all && ran
	}
	table := tableHead() + strings.Join(rows, "\n") + "\n"
	t.Logf("\n%s", table)
	if *tablePath != "" && all && !t.Failed() {
		if err := host.WriteTable(*tablePath, "canaries", table); err != nil {
			t.Error(err)
		}
	}
}
