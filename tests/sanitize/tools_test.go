// SPDX-License-Identifier: MIT

package sanitize_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"runspan/tests/host"
)

// A build is how hosts and the front are compiled for some tools.
type build struct {
	name  string
	flags []string
	tools []tool
}

type tool struct {
	name    string
	prefix  []string // of the command
	env     []string
	closing string // what it says at the end when it has found nothing
}

// command is the program's under the tool.
func (t tool) command(env []string, core, program string, arguments ...string) *exec.Cmd {
	words := slices.Concat(t.prefix, []string{program}, arguments)
	c := exec.Command(words[0], words[1:]...)
	c.Env = slices.Concat(env, t.env, []string{"RUNSPAN_CORE=" + core})
	return c
}

func builds(t *testing.T) []build {
	suppressions, err := exec.Command("./suppressions.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/go.supp"
	if err := os.WriteFile(file, suppressions, 0o600); err != nil {
		t.Fatal(err)
	}
	prefix, env := valgrind(t)
	prefix = append(prefix, "--fair-sched=try", "--error-exitcode=99", "--suppressions="+file)
	const clean = "ERROR SUMMARY: 0 errors from 0 contexts"
	return []build{
		{"plain", nil, []tool{
			{"memcheck", slices.Concat(prefix, []string{"--leak-check=full"}), env, clean},
			{"helgrind", slices.Concat(prefix, []string{"--tool=helgrind"}), env, clean},
		}},
		{"address", []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}, []tool{
			{"address", nil, []string{"UBSAN_OPTIONS=print_stacktrace=1"}, ""},
		}},
		{"thread", []string{"-fsanitize=thread"}, []tool{
			{"thread", nil, []string{"TSAN_OPTIONS=atexit_sleep_ms=100"}, ""},
		}},
	}
}

// valgrind is how to call Valgrind: the one on the path, or the one that
// scripts/debs.sh has unpacked.
func valgrind(t *testing.T) (prefix, env []string) {
	t.Helper()
	debs := filepath.Join(host.Root, "build", "debs", "root")
	path, err := exec.LookPath("valgrind")
	if err != nil {
		path = filepath.Join(debs, "usr", "bin", "valgrind")
		if !exists(path) {
			t.Fatal("there is no Valgrind here: run scripts/debs.sh valgrind libc6-dbg")
		}
		env = []string{"VALGRIND_LIB=" + filepath.Join(debs, "usr", "libexec", "valgrind")}
	}
	prefix = append([]string{path}, symbols(t, debs)...)
	command := exec.Command(path, append(slices.Clone(prefix[1:]), "-q", "true")...)
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("Valgrind does not start. Where it wants symbols, run scripts/debs.sh valgrind libc6-dbg: %v\n%s", err, out)
	}
	return prefix, env
}

// symbols is the option with which Valgrind finds the symbols of the dynamic
// loader, without which it does not start, and of the C library, where it is
// scripts/debs.sh that has them. In /usr/lib/debug it looks for them by the build
// id, elsewhere by the library's own path.
func symbols(t *testing.T, debs string) (option []string) {
	t.Helper()
	folder := t.TempDir()
	for _, pattern := range []string{"/lib/*-linux-gnu/ld-linux-*.so.*", "/lib/*-linux-gnu/libc.so.6"} {
		libraries, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, library := range libraries {
			path, err := filepath.EvalSymlinks(library)
			if err != nil {
				t.Fatal(err)
			}
			id := buildID(t, path)
			byID := filepath.Join("usr/lib/debug/.build-id", id[:2], id[2:]+".debug")
			if exists("/"+byID) || !exists(filepath.Join(debs, byID)) {
				continue
			}
			link := filepath.Join(folder, filepath.Dir(path), id[2:]+".debug")
			if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(filepath.Join(debs, byID), link)); err != nil {
				t.Fatal(err)
			}
			option = []string{"--extra-debuginfo-path=" + folder}
		}
	}
	return option
}

func buildID(t *testing.T, library string) string {
	t.Helper()
	file, err := elf.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const header = 16 // of the note
	note := file.Section(".note.gnu.build-id")
	if note == nil || note.Size <= header {
		t.Fatalf("%s has no build id", library)
	}
	content, err := note.Data()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", content[header:])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
