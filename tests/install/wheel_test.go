// SPDX-License-Identifier: MIT

package install_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

// The packages, and the processor of each that has libraries.
var packages = map[string]elf.Machine{
	"manylinux_2_17_x86_64.manylinux2014_x86_64":   elf.EM_X86_64,
	"manylinux_2_17_aarch64.manylinux2014_aarch64": elf.EM_AARCH64,
	"musllinux_1_2_x86_64":                         elf.EM_X86_64,
	"musllinux_1_2_aarch64":                        elf.EM_AARCH64,
	"any":                                          elf.EM_NONE,
}

// The libraries of a wheel can be loaded by the glibc of its tag, 2.17, on its
// processor, and need no library but glibc's.
func TestWheelTags(t *testing.T) {
	for tag, machine := range packages {
		t.Run(tag, func(t *testing.T) {
			check, want := checkLibrary, 3
			if strings.HasPrefix(tag, "musl") {
				check, want = checkMusl, 2
			}
			files := 0
			for _, member := range openWheel(t, tag).File {
				if strings.HasPrefix(member.Name, "runspan/lib/") {
					files++
					check(t, member, machine)
				}
			}
			if machine != elf.EM_NONE && files != want || machine == elf.EM_NONE && files > 0 {
				t.Errorf("%d files", files)
			}
		})
	}
}

// openWheel opens the wheel with that tag until the test ends.
func openWheel(t *testing.T, tag string) *zip.ReadCloser {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(host.Root, "build", "wheels", "runspan-*-py3-none-"+tag+".whl"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v: run ./build.sh wheels first", found, err)
	}
	wheel, err := zip.OpenReader(found[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wheel.Close() })
	return wheel
}

func checkLibrary(t *testing.T, member *zip.File, machine elf.Machine) {
	t.Helper()
	library := open(t, member)
	if library.Machine != machine {
		t.Errorf("%s is for %s", member.Name, library.Machine)
	}
	for _, s := range imported(t, library) {
		var minor int
		if _, err := fmt.Sscanf(s.Version, "GLIBC_2.%d", &minor); err != nil || minor > 17 {
			t.Errorf("%s needs %s@%s of %s", member.Name, s.Name, s.Version, s.Library)
		}
	}
	needed, err := library.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range needed {
		if !slices.Contains([]string{"libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, name) {
			t.Errorf("%s needs %s", member.Name, name)
		}
	}
}

// checkMusl: the front needs musl alone, of which it has what an older one has, and the
// program nothing.
func checkMusl(t *testing.T, member *zip.File, machine elf.Machine) {
	t.Helper()
	file := open(t, member)
	if file.Machine != machine {
		t.Errorf("%s is for %s", member.Name, file.Machine)
	}
	needed, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(member.Name, ".so") {
		for _, p := range file.Progs {
			if p.Type == elf.PT_INTERP || len(needed) > 0 {
				t.Errorf("%s is not static, and needs %v", member.Name, needed)
			}
		}
		return
	}
	if !slices.Equal(needed, []string{"libc.so"}) {
		t.Errorf("%s needs %v", member.Name, needed)
	}
	musl, err := elf.Open(muslLinker(t)) // 1.2.3, which is of 2022; the symbols are the same for each processor
	if err != nil {
		t.Fatal(err)
	}
	defer musl.Close()
	defined, err := musl.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	has := make(map[string]bool)
	for _, s := range defined {
		has[s.Name] = s.Section != elf.SHN_UNDEF
	}
	dynamic, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range dynamic {
		if s.Section == elf.SHN_UNDEF && elf.ST_BIND(s.Info) != elf.STB_WEAK && !has[s.Name] {
			t.Errorf("%s needs %s, which musl 1.2.3 has not", member.Name, s.Name)
		}
	}
}

func open(t *testing.T, member *zip.File) *elf.File {
	t.Helper()
	r, err := member.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	library, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return library
}

// imported are the versioned symbols that a library needs.
func imported(t *testing.T, library *elf.File) (versioned []elf.ImportedSymbol) {
	t.Helper()
	all, err := library.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Version != "" { // weak symbols of other tools have none
			versioned = append(versioned, s)
		}
	}
	return versioned
}
