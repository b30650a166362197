// SPDX-License-Identifier: MIT

// Package host builds C hosts of the built library, for the tests that run
// them.
package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Root is the project's folder.
var Root = func() string {
	_, self, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(self)))
}()

// Schema is StripePy's.
var Schema = filepath.Join(Root, "schemas", "stripepy.json")

// Library is build/lib's absolute path, made by build.sh.
func Library(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(Root, "build", "lib")
	if _, err := os.Stat(dir + "/librunspan.so"); err != nil {
		t.Fatalf("run ./build.sh build first: %v", err)
	}
	return dir
}

// Link is what links a host with the shared front.
func Link(t testing.TB) []string {
	lib := Library(t)
	return []string{"-L" + lib, "-Wl,-rpath," + lib, "-lrunspan"}
}

// Compile makes a program from C sources, and returns its path.
func Compile(t testing.TB, arguments ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "host")
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	strict := []string{"-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-I" + Root + "/include"}
	out, err := exec.Command(cc, slices.Concat(strict, arguments, []string{"-o", program, "-ldl", "-pthread"})...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

var ambient = regexp.MustCompile(`(?i)_TELEMETRY$|^DO_NOT_TRACK$|^OTEL_|^RUNSPAN_|_PROXY$|^SSL_CERT|^XDG_`)

// Environment is this process's, less what would change what a host does, and
// with folders of its own: state is $XDG_STATE_HOME, a new one where it is empty,
// and $XDG_CONFIG_HOME is a new one.
func Environment(t testing.TB, state string, more ...string) []string {
	t.Helper()
	if state == "" {
		state = t.TempDir()
	}
	kept := []string{"XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + t.TempDir()}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !ambient.MatchString(name) {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}
