// SPDX-License-Identifier: MIT

// Package platforms_test puts the wheels of build/wheels where they will be
// used: other releases of glibc, other Pythons, another CPU. scripts/platforms.sh
// fetches what the table names.
package platforms_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

var (
	fetched = filepath.Join(host.Root, "build", "platforms")
	arm64   = filepath.Join(fetched, "arm64", "root")
)

// platform is a place for hosts.
type platform struct {
	name      string
	where     string // what a host says of it: CPU and C library; of glibc the beginning
	wheel     string // what pip is told of it
	compilers string // of bin/
	python    string
	says      string // what the interpreter says of itself
	under     []string
	known     []difference // of the guest suite
	apart     bool         // the core is always beside the host; the guest suite, which has the ways of glibc, is not for it
}

var platforms = []platform{
	{name: "CPython 3.10", where: "x86_64, glibc 2.", wheel: "manylinux2014_x86_64", compilers: "x86_64", python: cpython("3.10.8"), says: "cpython 3.10"},
	{name: "CPython 3.11", where: "x86_64, glibc 2.", wheel: "manylinux2014_x86_64", compilers: "x86_64", python: cpython("3.11.3"), says: "cpython 3.11"},
	{name: "CPython 3.12", where: "x86_64, glibc 2.", wheel: "manylinux2014_x86_64", compilers: "x86_64", python: cpython("3.12.1"), says: "cpython 3.12"},
	{name: "CPython 3.13", where: "x86_64, glibc 2.", wheel: "manylinux2014_x86_64", compilers: "x86_64", python: cpython("3.13.5"), says: "cpython 3.13"},
	{name: "CPython 3.14", where: "x86_64, glibc 2.", wheel: "manylinux2014_x86_64", compilers: "x86_64", python: cpython("3.14.3"), says: "cpython 3.14"},
	{name: "PyPy 3.11 on glibc 2.41", where: "x86_64, glibc 2.41", wheel: "manylinux2014_x86_64", compilers: "trixie", python: "trixie/root/usr/bin/pypy3.11-trixie", says: "pypy 3.11", known: pypy},
	{name: "CPython 3.10 on glibc 2.31", where: "x86_64, glibc 2.31", wheel: "manylinux2014_x86_64", compilers: "bullseye", python: cpython("3.10.8") + "-bullseye", says: "cpython 3.10"},
	{name: "CPython 3.11 on glibc 2.31", where: "x86_64, glibc 2.31", wheel: "manylinux2014_x86_64", compilers: "bullseye", python: cpython("3.11.3") + "-bullseye", says: "cpython 3.11"},
	{name: "CPython 3.12 on glibc 2.31", where: "x86_64, glibc 2.31", wheel: "manylinux2014_x86_64", compilers: "bullseye", python: cpython("3.12.1") + "-bullseye", says: "cpython 3.12"},
	{name: "CPython 3.13 on glibc 2.31", where: "x86_64, glibc 2.31", wheel: "manylinux2014_x86_64", compilers: "bullseye", python: cpython("3.13.0") + "-bullseye", says: "cpython 3.13"},
	{name: "CPython 3.11 on musl 1.2.3", where: "x86_64, musl", wheel: "musllinux_1_2_x86_64", compilers: "musl", python: "musl/bin/python3.11", says: "cpython 3.11", apart: true},
	{
		name: "CPython 3.11 on aarch64 by qemu 7.2", where: "aarch64, glibc 2.36", wheel: "manylinux2014_aarch64", compilers: "aarch64", python: "arm64/root/usr/bin/python3.11", says: "cpython 3.11",
		under: []string{filepath.Join(host.Root, "build", "debs", "root", "usr", "bin", "qemu-aarch64-static"), "-L", arm64},
		known: emulated,
	},
	{
		name: "CPython 3.11 on aarch64 by qemu 10", where: "aarch64, glibc 2.36", wheel: "manylinux2014_aarch64", compilers: "aarch64", python: "arm64/root/usr/bin/python3.11", says: "cpython 3.11",
		under: []string{filepath.Join(fetched, "trixie", "root", "usr", "bin", "qemu-aarch64"), "-L", arm64},
		known: emulated,
	},
}

// cpython is an interpreter's path below build/platforms.
func cpython(version string) string {
	minor := version[:strings.LastIndex(version, ".")]
	return filepath.Join("cpython-"+version, "bin", "python"+minor)
}

// warns says whether the interpreter warns of fork in a process with threads, of
// which runspan has some: CPython does, from 3.12 on.
func (p platform) warns() bool {
	return slices.Contains([]string{"cpython 3.12", "cpython 3.13", "cpython 3.14"}, p.says)
}

// place is a platform with the wheel installed, and hosts.
type place struct {
	platform
	site  string              // where the wheel is
	hosts map[string][]string // commands, in which schema and what to do are left out
}

func (p place) interpreter() []string {
	return append(p.under[:len(p.under):len(p.under)], filepath.Join(fetched, p.python))
}

// library is where the wheel has the library, for hosts in C.
func (p place) library() string { return filepath.Join(p.site, "runspan", "lib") }

func (p place) compiler(language string) string {
	return filepath.Join(fetched, "bin", language+"-"+p.compilers)
}

// prepare installs the platform's wheel as its pip would, and compiles.
func prepare(t *testing.T, p platform) place {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // some hosts become another user
		t.Fatal(err)
	}
	at := place{p, filepath.Join(dir, "site"), make(map[string][]string)}
	if _, err := os.Stat(filepath.Join(fetched, p.python)); err != nil {
		t.Fatalf("run scripts/platforms.sh first: %v", err)
	}
	run(t, host.Python(t, "dev"), "-m", "pip", "install", "-q", "--no-index", "--find-links", filepath.Join(host.Root, "build", "wheels"),
		"--only-binary=:all:", "--platform", p.wheel, "--target", at.site, "runspan")
	// what a program that is linked with it asks for
	if err := os.Symlink("librunspan.so", filepath.Join(at.library(), "librunspan.so.0")); err != nil {
		t.Fatalf("the wheel for %s has no library: %v", p.wheel, err)
	}
	at.hosts["Python"] = append(at.interpreter(), "-B", filepath.Join(host.Root, "tests", "platforms", "hosts", "host.py"))
	program := filepath.Join(t.TempDir(), "host")
	run(t, at.compiler("cc"), "-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"+host.Root+"/include",
		"hosts/host.c", "-L"+at.library(), "-lrunspan", "-Wl,-rpath,"+at.library(), "-o", program)
	at.hosts["C"] = append(p.under[:len(p.under):len(p.under)], program)
	return at
}

func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out))
	}
}
