// SPDX-License-Identifier: MIT

package abi_test

import (
	"debug/elf"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// stub makes the shared library that a program of the release was linked with,
// as far as a linker sees it.
func stub(t *testing.T, s surface) (dir string) {
	t.Helper()
	dir = t.TempDir()
	var source string
	nodes := make(map[string][]string)
	for name, node := range s {
		if symbol, ok := strings.CutPrefix(name, "symbol "); ok {
			source += fmt.Sprintf("void %s(void);\nvoid %s(void) {}\n", symbol, symbol)
			nodes[node] = append(nodes[node], symbol)
		}
	}
	var script string
	for node, symbols := range nodes {
		script += fmt.Sprintf("%s { global: %s; };\n", node, strings.Join(symbols, "; "))
	}
	write(t, dir+"/stub.c", source)
	write(t, dir+"/stub.map", script)
	compile(t, dir+"/librunspan.so", "-shared", "-fPIC", "-Wl,--version-script="+dir+"/stub.map", "-Wl,-soname,"+s["soname"], dir+"/stub.c")
	return dir
}

// A program of each release, which uses every function of it, works with this
// library: compiled with the header of then, and linked with the symbols.
func TestProgramsOfReleases(t *testing.T) {
	_, now, _ := present(t)
	for _, v := range versions(t) {
		t.Run(v.String(), func(t *testing.T) {
			if v[0] != now[0] {
				return // another soname: the two libraries are there side by side
			}
			s := readSurface(t, folder(v)+"/surface.txt")
			program := filepath.Join(t.TempDir(), "program")
			compile(t, program, "-Werror", "-I"+folder(v), "hosts/"+v.String()+".c",
				"-L"+stub(t, s), "-lrunspan", "-Wl,-rpath,"+host.Library(t))
			file, err := elf.Open(program)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			imported, err := file.ImportedSymbols()
			if err != nil {
				t.Fatal(err)
			}
			for name, node := range s {
				if symbol, ok := strings.CutPrefix(name, "symbol "); ok &&
					!slices.ContainsFunc(imported, func(i elf.ImportedSymbol) bool { return i.Name == symbol && i.Version == node }) {
					t.Errorf("the program does not use %s of %s", symbol, node)
				}
			}

			r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			cmd := exec.Command(program, host.Root+"/tests/data/every-kind.json")
			cmd.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())
			out, err := cmd.CombinedOutput()
			if err != nil || !regexp.MustCompile(`(?m)^[1-9]\d* passed, 0 failed$`).Match(out) {
				t.Errorf("%v\n%s", err, out)
			}
			var spans []string
			for _, span := range r.Spans() {
				spans = append(spans, fmt.Sprintf("%s, status %d, %d attributes of %d, %d events", span.Name, span.Status.GetCode(),
					len(span.Attributes), len(span.Resource.Attributes), len(span.Events)))
			}
			if want := []string{"other run, status 1, 6 attributes of 8, 0 events", "run, status 2, 1 attributes of 8, 1 events"}; !slices.Equal(spans, want) {
				t.Errorf("spans %q", spans)
			}
		})
	}
}
