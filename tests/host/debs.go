// SPDX-License-Identifier: MIT

package host

import (
	"os"
	"path/filepath"
	"strings"
)

// Debs is the environment in which the programs run that scripts/debs.sh has
// unpacked: the variables that lead to them, before what these say already.
func Debs() []string {
	unpacked := filepath.Join(Root, "build", "debs", "root")
	var variables []string
	for _, variable := range []struct {
		name    string
		folders []string
	}{
		{"PATH", []string{"usr/bin"}},
		{"LD_LIBRARY_PATH", []string{"usr/lib/*-linux-gnu*"}},
		{"RUBYLIB", []string{"usr/lib/ruby/vendor_ruby", "usr/lib/ruby/[0-9]*", "usr/lib/*/ruby/[0-9]*", "usr/lib/*/ruby/vendor_ruby/[0-9]*"}},
		{"PERL5LIB", []string{"usr/share/perl5", "usr/lib/*/perl5/[0-9]*"}},
		{"VALGRIND_LIB", []string{"usr/libexec/valgrind"}},
	} {
		var found []string
		for _, folder := range variable.folders {
			matches, _ := filepath.Glob(filepath.Join(unpacked, folder)) // no error: the patterns are well formed
			found = append(found, matches...)
		}
		if len(found) == 0 {
			continue
		}
		if before := os.Getenv(variable.name); before != "" {
			found = append(found, before)
		}
		variables = append(variables, variable.name+"="+strings.Join(found, ":"))
	}
	return variables
}
