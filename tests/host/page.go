// SPDX-License-Identifier: MIT

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A page of docs/ has a table of the tests' between two comments of the table's
// name.

func split(page, name string) (before, table, after string, err error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return "", "", "", err
	}
	begins, ends := "<!-- "+name+" -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok1 := strings.Cut(string(text), begins)
	table, after, ok2 := strings.Cut(rest, ends)
	if !ok1 || !ok2 {
		return "", "", "", fmt.Errorf("%s has no place for the table %s", page, name)
	}
	return before + begins, table, ends + after, nil
}

// WriteTable puts a table into the page.
func WriteTable(page, name, table string) error {
	before, _, after, err := split(page, name)
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(before+table+after), 0o644)
}

// Table returns the lines of a table in a page of docs/.
func Table(page, name string) ([]string, error) {
	_, table, _, err := split(filepath.Join(Root, "docs", page), name)
	return strings.Split(strings.TrimSpace(table), "\n"), err
}
