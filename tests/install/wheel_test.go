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
	"any": elf.EM_NONE,
}

// The libraries of a wheel can be loaded by the glibc of its tag, 2.17, on its
// processor, and need no library but glibc's.
func TestWheelTags(t *testing.T) {
	for tag, machine := range packages {
		t.Run(tag, func(t *testing.T) {
			found, err := filepath.Glob(filepath.Join(host.Root, "build", "wheels", "runspan-*-py3-none-"+tag+".whl"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%v, %v: run ./build.sh wheels first", found, err)
			}
			wheel, err := zip.OpenReader(found[0])
			if err != nil {
				t.Fatal(err)
			}
			defer wheel.Close()
			libraries := 0
			for _, member := range wheel.File {
				if strings.HasSuffix(member.Name, ".so") {
					libraries++
					checkLibrary(t, member, machine)
				}
			}
			if want := 2; machine != elf.EM_NONE && libraries != want || machine == elf.EM_NONE && libraries > 0 {
				t.Errorf("%d libraries", libraries)
			}
		})
	}
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
