// SPDX-License-Identifier: MIT

package install_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"runspan/tests/host"
)

var wheelTag = regexp.MustCompile(`-py3-none-manylinux_2_(\d+)_(x86_64|aarch64)\.whl$`)

// The wheel's tag has the oldest glibc with which its libraries can be loaded,
// so that pip does not install it with an older one, and they need no library but
// glibc's.
func TestWheelTag(t *testing.T) {
	found, err := filepath.Glob(filepath.Join(host.Root, "build", "wheels", "*.whl"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v: run ./build.sh wheel first", found, err)
	}
	tag := wheelTag.FindStringSubmatch(found[0])
	if tag == nil {
		t.Fatal(found[0])
	}
	wheel, err := zip.OpenReader(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer wheel.Close()
	libraries, newest := 0, 0
	for _, member := range wheel.File {
		if !strings.HasSuffix(member.Name, ".so") {
			continue
		}
		libraries++
		for _, s := range imported(t, member) {
			var minor int
			if _, err := fmt.Sscanf(s.Version, "GLIBC_2.%d", &minor); err != nil {
				t.Errorf("%s needs %s@%s of %s", member.Name, s.Name, s.Version, s.Library)
			}
			newest = max(newest, minor)
		}
	}
	if libraries != 2 || fmt.Sprint(newest) != tag[1] {
		t.Errorf("%d libraries need glibc 2.%d: %s", libraries, newest, found[0])
	}
}

// imported are the versioned symbols that a library of the wheel needs.
func imported(t *testing.T, member *zip.File) (versioned []elf.ImportedSymbol) {
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
