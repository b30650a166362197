// SPDX-License-Identifier: MIT

package schema

import (
	"fmt"
	"iter"
	"slices"
	"strings"
)

// perhaps returns the end of a reason: the word that was probably meant, or nothing if no
// word is near.
func perhaps(given string, words iter.Seq[string]) string {
	if word, ok := nearest(given, words); ok {
		return fmt.Sprintf("; perhaps %q", word)
	}
	return ""
}

// orOneOf is perhaps, but lists all words if none is near.
func orOneOf(given string, words iter.Seq[string]) string {
	if word := perhaps(given, words); word != "" {
		return word
	}
	return "; there are " + strings.Join(slices.Sorted(words), ", ")
}

// nearest returns the word that differs least from the given one: it has the same end
// after a dot, the same beginning, or few other letters.
func nearest(given string, words iter.Seq[string]) (word string, ok bool) {
	const far = 100
	least := far
	for _, w := range slices.Sorted(words) {
		a, b := strings.ToLower(given), strings.ToLower(w)
		d := far
		switch {
		case a == b:
			d = 0
		case a != "" && (strings.HasSuffix(b, "."+a) || strings.HasSuffix(a, "."+b)):
			d = 1
		case min(len(a), len(b)) >= 3 && (strings.HasPrefix(b, a) || strings.HasPrefix(a, b)):
			d = 2
		case len(a) < far:
			if edits := distance(a, b); edits <= max(1, len(a)/3) {
				d = 2 + edits
			}
		}
		if d < least {
			least, word = d, w
		}
	}
	return word, least < far
}

// distance counts the letters to insert, to delete, to replace, or to swap with the next
// one, until a is b.
func distance(a, b string) int {
	var before []int
	last, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
