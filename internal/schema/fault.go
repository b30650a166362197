// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a schema.
type Fault struct {
	Line   int    `json:"line"` // from 1
	Reason string `json:"reason"`
}

// Error implements error.
func (f Fault) Error() string { return fmt.Sprintf("line %d: %s", f.Line, f.Reason) }

// Faults is the error of Parse: all faults, sorted by line.
type Faults []Fault

// Error implements error. It has one line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// placed is a fault with its place. locate finds the line.
type placed struct {
	keys   []string // the way to the place
	of     []string // the members of the field that the fault is about; empty: all
	reason string
	offset int   // in the text; 0: the offset of the keys, or of the first part of them that is there
	kind   bool  // the value has the wrong JSON type
	cause  error // the error of a check, or nil
}

// Error implements error.
func (p *placed) Error() string { return p.reason }

// Unwrap returns the error of the check.
func (p *placed) Unwrap() error { return p.cause }

// follows says whether the fault is only a consequence of another: a value of the wrong
// JSON type at the same place, or in a member that the fault is about.
func (p *placed) follows(other *placed) bool {
	if p.offset != 0 || !other.kind || p == other {
		return false
	}
	n := min(len(p.keys), len(other.keys))
	return slices.Equal(p.keys[:n], other.keys[:n]) &&
		(len(p.of) == 0 || len(other.keys) <= n || slices.Contains(p.of, other.keys[n]))
}

// locate finds the lines of faults, and leaves out those that follow from others.
func locate(text []byte, all []*placed) Faults {
	offsets := offsets(text)
	faults := make(Faults, 0, len(all))
	for _, p := range all {
		if !slices.ContainsFunc(all, p.follows) {
			faults = append(faults, Fault{lineAt(text, cmp.Or(p.offset, offsets.nearest(p.keys))), p.reason})
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason)) })
	return slices.Compact(faults)
}

func lineAt(text []byte, offset int) int {
	return 1 + bytes.Count(text[:min(offset, len(text))], []byte("\n"))
}

// places maps keys, joined, to the offset of their value.
type places map[string]int

func (p places) add(keys []string, offset int) { p[strings.Join(keys, "\x00")] = offset }

func (p places) nearest(keys []string) int {
	for n := len(keys); n > 0; n-- {
		if offset, ok := p[strings.Join(keys[:n], "\x00")]; ok {
			return offset
		}
	}
	return 0
}
