// SPDX-License-Identifier: MIT

package abi_test

import (
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A surface is what programs are compiled and linked against: by the name of
// each thing, such as "constant RUNSPAN_OFF", what it is.
type surface map[string]string

func (s surface) String() string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&lines, "%s: %s\n", name, s[name])
	}
	return lines.String()
}

func readSurface(t *testing.T, path string) surface {
	t.Helper()
	s := make(surface)
	for _, line := range strings.Split(strings.TrimSpace(read(t, path)), "\n") {
		name, what, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: %q", path, line)
		}
		s[name] = what
	}
	return s
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	comments   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	macros     = regexp.MustCompile(`(?m)^#define (RUNSPAN_\w+)[ \t]+(\S.*)$`)
	directives = regexp.MustCompile(`(?m)^#.*$`)
	spaces     = regexp.MustCompile(`\s+`)

	enumeration = regexp.MustCompile(`^(?:typedef )?enum (?:\w+ )?\{(.*)\}(?: (\w+))?$`)
	structure   = regexp.MustCompile(`^typedef struct \w+ \{(.*)\} (\w+)$`)
	callback    = regexp.MustCompile(`^typedef (.*)\(\*(\w+)\)\((.*)\)$`)
	typedef     = regexp.MustCompile(`^typedef (.*\W)(\w+)$`)
	function    = regexp.MustCompile(`^(.*\W)(runspan_\w+)\((.*)\)$`)
	variable    = regexp.MustCompile(`^(.*\W)(\w+)$`)
)

// declarations are those of the header, each on one line.
func declarations(header string) []string {
	text := directives.ReplaceAllString(comments.ReplaceAllString(header, ""), "")
	text, _ = strings.CutPrefix(strings.TrimSpace(spaces.ReplaceAllString(text, " ")), `extern "C" { `)
	var all []string
	depth, begin := 0, 0
	for i, c := range text {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		case ';':
			if depth == 0 {
				all = append(all, strings.TrimSpace(text[begin:i]))
				begin = i + 1
			}
		}
	}
	if rest := strings.TrimSpace(text[begin:]); rest != "}" { // of extern "C"
		all = append(all, rest)
	}
	return all
}

// types are those of a function's parameters, without the names.
func types(parameters string) string {
	var all []string
	for _, p := range strings.Split(parameters, ",") {
		p = strings.TrimSpace(p)
		if m := variable.FindStringSubmatch(p); m != nil {
			p = strings.TrimSpace(m[1])
		}
		all = append(all, p)
	}
	return strings.Join(all, ", ")
}

// ofHeader is the surface of a header. What only a compiler knows, a program
// says that is made from the header and run.
func ofHeader(t *testing.T, header string) surface {
	t.Helper()
	var says strings.Builder
	say := func(format string, arguments ...any) { fmt.Fprintf(&says, format, arguments...) }
	constant := func(name string) { say(`printf("constant %s: %%lld\n", (long long)%s);`, name, name) }
	typeOf := func(name, what string) { say(`printf("type %s: %s, %%zu bytes\n", sizeof(%s));`, name, what, name) }
	for _, m := range macros.FindAllStringSubmatch(header, -1) {
		if m[1] != "RUNSPAN_VERSION" {
			constant(m[1])
		}
	}
	for _, d := range declarations(header) {
		if m := enumeration.FindStringSubmatch(d); m != nil {
			for _, item := range strings.Split(strings.TrimRight(m[1], ", "), ",") {
				name, _, _ := strings.Cut(item, "=")
				constant(strings.TrimSpace(name))
			}
			if m[2] != "" {
				typeOf(m[2], "enum")
			}
		} else if m := structure.FindStringSubmatch(d); m != nil {
			say(`printf("struct %s: %%zu bytes, aligned to %%zu\n", sizeof(%s), _Alignof(%s));`, m[2], m[2], m[2])
			for _, field := range strings.Split(strings.TrimRight(m[1], "; "), ";") {
				f := variable.FindStringSubmatch(strings.TrimSpace(field))
				if f == nil || strings.Contains(field, ",") {
					t.Fatalf("not understood: %q of %s", field, m[2])
				}
				say(`printf("field %s.%s: %s, %%zu bytes at %%zu\n", sizeof((%s *)0)->%s, offsetof(%s, %s));`,
					m[2], f[2], strings.TrimSpace(f[1]), m[2], f[2], m[2], f[2])
			}
		} else if m := callback.FindStringSubmatch(d); m != nil {
			typeOf(m[2], strings.TrimSpace(m[1])+" (*)("+types(m[3])+")")
		} else if m := typedef.FindStringSubmatch(d); m != nil {
			typeOf(m[2], strings.TrimSpace(m[1]))
		} else if m := function.FindStringSubmatch(d); m != nil {
			say(`(void)sizeof(&%s); printf("function %s: %s (%s)\n");`, m[2], m[2], strings.TrimSpace(m[1]), types(m[3]))
		} else {
			t.Fatalf("not understood: %q", d)
		}
		say("\n")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "runspan.h"), header)
	write(t, filepath.Join(dir, "say.c"), "#include \"runspan.h\"\n#include <stdio.h>\nint main(void) {\n"+says.String()+"return 0;\n}\n")
	compile(t, filepath.Join(dir, "say"), "-I"+dir, filepath.Join(dir, "say.c"))
	out, err := exec.Command(filepath.Join(dir, "say")).Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "surface"), string(out))
	return readSurface(t, filepath.Join(dir, "surface"))
}

// ofLibrary is the surface of a shared library: its soname, and the version
// node of each symbol.
func ofLibrary(t *testing.T, path string) surface {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	soname, err := file.DynString(elf.DT_SONAME)
	if err != nil || len(soname) != 1 {
		t.Fatalf("%s: soname %v, %v", path, soname, err)
	}
	s := surface{"soname": soname[0]}
	nodes := make(map[uint16]string)
	versions, err := file.DynamicVersions()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range versions {
		nodes[v.Index] = v.Name
	}
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, symbol := range symbols {
		if symbol.Section != elf.SHN_UNDEF && symbol.Section != elf.SHN_ABS { // a node itself is ABS
			s["symbol "+symbol.Name] = nodes[symbol.VersionIndex.Index()]
		}
	}
	return s
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compile makes a program or a library. Not with include/, as host.Compile does:
// the header is one of the past.
func compile(t *testing.T, made string, arguments ...string) {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	cmd := exec.Command(cc, slices.Concat([]string{"-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-o", made}, arguments)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
