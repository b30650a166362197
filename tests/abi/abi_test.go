// SPDX-License-Identifier: MIT

// Package abi_test compares what programs are built against, the header and the
// library's symbols, with what the folder abi/ says was released.
package abi_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

var update = flag.Bool("update", false, "write abi/ anew for this version, which is not released")

var released = filepath.Join(host.Root, "abi")

// A version is MAJOR.MINOR.PATCH.
type version [3]int

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func parseVersion(t *testing.T, text string) (v version) {
	t.Helper()
	if n, err := fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2]); n != 3 {
		t.Fatalf("version %q: %v", text, err)
	}
	return v
}

// versions are those in abi/, the oldest first.
func versions(t *testing.T) (all []version) {
	t.Helper()
	folders, err := filepath.Glob(released + "/*/surface.txt")
	if err != nil || len(folders) == 0 {
		t.Fatal("abi/ has no version:", err)
	}
	for _, folder := range folders {
		all = append(all, parseVersion(t, filepath.Base(filepath.Dir(folder))))
	}
	slices.SortFunc(all, func(a, b version) int { return slices.Compare(a[:], b[:]) })
	return all
}

func folder(v version) string { return filepath.Join(released, v.String()) }

// present is what this header and this library are.
func present(t *testing.T) (header string, v version, s surface) {
	t.Helper()
	header = read(t, filepath.Join(host.Root, "include", "runspan.h"))
	m := regexp.MustCompile(`(?m)^#define RUNSPAN_VERSION "(.*)"$`).FindStringSubmatch(header)
	if m == nil {
		t.Fatal("the header has no version")
	}
	s = ofHeader(t, header)
	maps.Copy(s, ofLibrary(t, host.Library(t)+"/librunspan.so"))
	return header, parseVersion(t, m[1]), s
}

// grown says whether a struct has only become larger. A new field must not lie
// in what was padding: a program of before need not have set that to zero.
func grown(before, after surface, name string) bool {
	var size, align, newSize, newAlign int
	_, err := fmt.Sscanf(before["struct "+name], "%d bytes, aligned to %d", &size, &align)
	_, err2 := fmt.Sscanf(after["struct "+name], "%d bytes, aligned to %d", &newSize, &newAlign)
	if err != nil || err2 != nil || newSize < size || newAlign != align || !strings.HasSuffix(before["field "+name+".struct_size"], " at 0") {
		return false
	}
	for field, what := range after {
		if strings.HasPrefix(field, "field "+name+".") && before[field] == "" {
			var offset int
			if _, err := fmt.Sscanf(what[strings.LastIndex(what, " at "):], " at %d", &offset); err != nil || offset < size {
				return false
			}
		}
	}
	return true
}

// wrong is what is wrong in going from one version to the next: abi/README.md
// has the rules.
func wrong(before, after surface, v, next version) (all []string) {
	nodes := make(map[string]bool)
	for name, what := range before {
		if strings.HasPrefix(name, "symbol ") {
			nodes[what] = true
		}
	}
	if next[0] != v[0] {
		for name, what := range after {
			if name == "soname" && what != fmt.Sprintf("librunspan.so.%d", next[0]) || strings.HasPrefix(name, "symbol ") && nodes[what] {
				all = append(all, fmt.Sprintf("%s: still %s", name, what))
			}
		}
		return all
	}
	for name, what := range before {
		structName, isStruct := strings.CutPrefix(name, "struct ")
		if after[name] != what && !(isStruct && grown(before, after, structName)) {
			all = append(all, fmt.Sprintf("%s: was %s, and is %q: that takes the next major version", name, what, after[name]))
		}
	}
	for name, what := range after {
		structName, _, _ := strings.Cut(strings.TrimPrefix(name, "field "), ".")
		switch {
		case before[name] != "": // seen to above
		case strings.HasPrefix(name, "field ") && before["struct "+structName] != "" && !grown(before, after, structName):
			all = append(all, fmt.Sprintf("%s: %s is new, and not behind what was there: that takes the next major version", name, what))
		case next[1] == v[1]:
			all = append(all, fmt.Sprintf("%s: %s is new: that takes the next minor version", name, what))
		case strings.HasPrefix(name, "symbol ") && nodes[what]:
			all = append(all, fmt.Sprintf("%s is new, and in a node of before, %s", name, what))
		}
	}
	slices.Sort(all)
	return all
}

// abi/ has the surface of this version, and this version still has that of earlier releases.
func TestSurface(t *testing.T) {
	header, v, s := present(t)
	if *update {
		if log := read(t, filepath.Join(host.Root, "CHANGELOG.md")); !strings.Contains(log, fmt.Sprintf("\n## %s (unreleased)\n", v)) {
			t.Fatalf("by CHANGELOG.md %s is released: it does not change any more", v)
		}
		if err := os.MkdirAll(folder(v), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, folder(v)+"/runspan.h", header)
		write(t, folder(v)+"/surface.txt", s.String())
	}
	if !slices.Contains(versions(t), v) {
		t.Fatalf("abi/ has no %s: ./build.sh abi makes it", v)
	}
	for _, earlier := range versions(t) {
		before := readSurface(t, folder(earlier)+"/surface.txt")
		for name, what := range ofHeader(t, read(t, folder(earlier)+"/runspan.h")) {
			if before[name] != what {
				t.Errorf("abi/%s: runspan.h has %s: %s, and surface.txt %q", earlier, name, what, before[name])
			}
		}
		complaints := wrong(before, s, earlier, v)
		for _, complaint := range complaints {
			t.Errorf("since %s: %s", earlier, complaint)
		}
		if earlier == v && len(complaints) > 0 {
			t.Errorf("as long as %s is not released: ./build.sh abi", v)
		}
	}
	for name := range s {
		symbol, isSymbol := strings.CutPrefix(name, "symbol ")
		function, isFunction := strings.CutPrefix(name, "function ")
		if isSymbol && s["function "+symbol] == "" || isFunction && s["symbol "+function] == "" {
			t.Errorf("%s: declared or exported, but not both", name)
		}
	}
	if want := fmt.Sprintf("librunspan.so.%d", v[0]); s["soname"] != want {
		t.Errorf("soname %s, want %s", s["soname"], want)
	}
}

// Each kind of change is noticed, and takes the step of the version that
// abi/README.md says.
func TestChanges(t *testing.T) {
	const nothing, minor, major = "nothing", "minor", "major"
	original, v, before := present(t)
	node, next := before["symbol runspan_open"], version{v[0] + 1, 0, 0}
	newFunction := "int runspan_frobnicate(runspan_span span);\n\n#ifdef __cplusplus\n}"
	for _, test := range []struct {
		change   string
		old, new string            // in the header
		library  map[string]string // what is else with the library
		takes    string
	}{
		{"a comment", "/* 0: no span */", "/* no span: 0 */", nil, nothing},
		{"a parameter's name", "uint32_t timeout_ms);\n\n/* End", "uint32_t timeout);\n\n/* End", nil, nothing},
		{"another constant", "    RUNSPAN_E_INTERNAL = -11 ", "    RUNSPAN_E_MOOD = -12,\n    RUNSPAN_E_INTERNAL = -11 ", nil, minor},
		{"another macro", "#define RUNSPAN_PREVIEW 1u", "#define RUNSPAN_PREVIEW 1u\n#define RUNSPAN_QUIET 2u", nil, minor},
		{"a constant's name", "    RUNSPAN_OFF = 20,", "    RUNSPAN_IS_OFF = 20,", nil, major},
		{"a constant's value", "RUNSPAN_E_HANDLE = -2,", "RUNSPAN_E_HANDLE = -32,", nil, major},
		{"a macro's value", "TIMEOUT_MS 0xFFFFFFFFu", "TIMEOUT_MS 0xFFFFFFFEu", nil, major},
		{"a status's value", "RUNSPAN_STATUS_ERROR = 2", "RUNSPAN_STATUS_ERROR = 3", nil, major},
		{"a constant less", "RUNSPAN_LOG_SPAN = 2 ", "", nil, major},
		{"a handle's type", "typedef uint64_t runspan_span;", "typedef int64_t runspan_span;", nil, major},
		{"a callback's parameter", "(void *data, int level,", "(void *data, long level,", nil, major},
		{"fields in another order", "    runspan_log log;         /* receives log lines; may be NULL */\n    void *log_data;\n", "    void *log_data;\n    runspan_log log;\n", nil, major},
		{"another field, in between", "    const char *core; ", "    const char *home;\n    const char *core; ", nil, major},
		{"another field, at the end", "    uint32_t flags; ", "    uint32_t flags;\n    uint64_t more; ", nil, minor},
		{"another field, in the padding", "    uint32_t flags; ", "    uint32_t flags;\n    uint32_t more; ", nil, major},
		{"a field's type", "    const char *core; ", "    const void *core; ", nil, major},
		{"a field's name", "    const char *core; ", "    const char *core_path; ", nil, major},
		{"a parameter's type", "int64_t value);\nint runspan_set_attr_double", "long long value);\nint runspan_set_attr_double", nil, major},
		{"a parameter's const", "const char *const *values", "const char **values", nil, major},
		{"another parameter", "int runspan_state(runspan_client client)", "int runspan_state(runspan_client client, int more)", nil, major},
		{"a result's type", "const char *runspan_version(", "char *runspan_version(", nil, major},
		{"a function less", "int runspan_set_attr_null(runspan_span span, const char *key);", "", nil, major},
		{"a function's name", "int runspan_state(", "int runspan_status_of(", nil, major},
		{"a symbol less", "", "", map[string]string{"symbol runspan_state": ""}, major},
		{"a symbol's node", "", "", map[string]string{"symbol runspan_state": node + ".2"}, major},
		{"the soname", "", "", map[string]string{"soname": "librunspan.so.99"}, major},
		{"another function", "#ifdef __cplusplus\n}", newFunction, map[string]string{"symbol runspan_frobnicate": node + ".2"}, minor},
		{"another function, in the old node", "#ifdef __cplusplus\n}", newFunction, map[string]string{"symbol runspan_frobnicate": node}, major},
	} {
		t.Run(test.change, func(t *testing.T) {
			header := original
			if test.old != "" {
				if n := strings.Count(header, test.old); n != 1 {
					t.Fatalf("the header has %q %d times", test.old, n)
				}
				header = strings.Replace(header, test.old, test.new, 1)
			}
			after := ofHeader(t, header)
			maps.Copy(after, ofLibrary(t, host.Library(t)+"/librunspan.so"))
			for name, what := range test.library {
				if after[name] = what; what == "" {
					delete(after, name)
				}
			}
			renewed := maps.Clone(after) // as a major version would have it
			renewed["soname"] = fmt.Sprintf("librunspan.so.%d", next[0])
			for name, what := range renewed {
				if strings.HasPrefix(name, "symbol ") {
					renewed[name] = strings.Replace(what, node, fmt.Sprintf("RUNSPAN_%d", next[0]), 1)
				}
			}
			takes := "a step that there is not"
			switch {
			case len(wrong(before, after, v, v)) == 0 && len(wrong(before, after, v, version{v[0], v[1], v[2] + 1})) == 0:
				takes = nothing
			case len(wrong(before, after, v, version{v[0], v[1] + 1, 0})) == 0:
				takes = minor
			case len(wrong(before, after, v, next)) > 0 && len(wrong(before, renewed, v, next)) == 0:
				takes = major
			}
			if takes != test.takes {
				t.Errorf("takes %s, want %s: %v", takes, test.takes, wrong(before, after, v, v))
			}
		})
	}
}
