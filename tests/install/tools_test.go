// SPDX-License-Identifier: MIT

package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

var strict = []string{"-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"}

// dev is a program that build.sh has put into build/venv/dev.
func dev(t testing.TB, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(host.Root, "build", "venv", "dev", pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("build/venv/dev/%s: %v, %v: ./build.sh test install makes it", pattern, found, err)
	}
	return found[0]
}

// A compiler of C and one of C++, each a command's words.
type compiler struct {
	name    string
	c, cxx  []string
	compile []string // what makes it look at a source, and no more
}

// compilers are zig's clang, always, and what this machine has besides. -O1,
// because zig builds the libraries that it needs for debugging anew.
func compilers(t testing.TB) []compiler {
	zig := dev(t, "lib/python3*/site-packages/ziglang/zig")
	all := []compiler{{"zig", []string{zig, "cc", "-O1"}, []string{zig, "c++", "-O1"}, []string{"-c", "-o", filepath.Join(t.TempDir(), "object")}}}
	for _, pair := range [][2]string{{"gcc", "g++"}, {"clang", "clang++"}} {
		c, err := exec.LookPath(pair[0])
		cxx, err2 := exec.LookPath(pair[1])
		if err == nil && err2 == nil {
			all = append(all, compiler{pair[0], []string{c}, []string{cxx}, []string{"-fsyntax-only"}})
		}
	}
	return all
}

// command is one of the tools here. zig keeps what it compiles for itself, such
// as libc++, in build/.
func command(words ...string) *exec.Cmd {
	cmd := exec.Command(words[0], words[1:]...)
	cache := filepath.Join(host.Root, "build", "cache", "zig")
	cmd.Env = append(os.Environ(), "ZIG_GLOBAL_CACHE_DIR="+cache, "ZIG_LOCAL_CACHE_DIR="+cache)
	return cmd
}

// output is what it prints; the test ends where it fails.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, &stdout, &stderr)
	}
	return stdout.String()
}

// pkgConfig is what pkg-config says of the runspan in the prefix.
func pkgConfig(t testing.TB, prefix string, options ...string) []string {
	t.Helper()
	cmd := command(slices.Concat([]string{dev(t, "bin/pkg-config")}, options, []string{"runspan"})...)
	cmd.Env = append(cmd.Env, "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib", "pkgconfig"))
	return strings.Fields(output(t, cmd))
}

// moved is an installation that is not any more where it was made.
func moved(t testing.TB) string {
	t.Helper()
	host.Library(t)
	dir := t.TempDir()
	output(t, command(filepath.Join(host.Root, "scripts", "install.sh"), filepath.Join(dir, "made")))
	return move(t, filepath.Join(dir, "made"))
}

func move(t testing.TB, prefix string) string {
	t.Helper()
	if err := os.Rename(prefix, prefix+"-and-moved"); err != nil {
		t.Fatal(err)
	}
	return prefix + "-and-moved"
}
