// SPDX-License-Identifier: MIT

// Package host builds C hosts of the built library, for the tests that run
// them.
package host

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Root is the project's folder.
var Root = func() string {
	_, self, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(self)))
}()

// Schema is StripePy's.
var Schema = filepath.Join(Root, "schemas", "stripepy.json")

// Library is build/lib's absolute path, made by build.sh; or HOST_LIB's, as CC is
// read in place of cc.
func Library(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(Root, "build", "lib")
	if own := os.Getenv("HOST_LIB"); own != "" {
		dir = own
	}
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

// The compilers' flags for hosts.
var strict = []string{"-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-I" + Root + "/include"}

func compile(t testing.TB, variable, compiler string, arguments ...string) {
	t.Helper()
	if own := os.Getenv(variable); own != "" {
		compiler = own
	}
	if out, err := exec.Command(compiler, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Front is the front's sources.
func Front(t testing.TB) []string {
	t.Helper()
	var sources []string
	for _, folder := range []string{"/capi/front", "/capi/front/posix", "/capi/front/linux"} {
		found, err := filepath.Glob(Root + folder + "/*.c")
		if err != nil || len(found) == 0 {
			t.Fatal("no source of the front in", folder, err)
		}
		sources = append(sources, found...)
	}
	return sources
}

// Compile makes a program from C sources, and returns its path.
func Compile(t testing.TB, arguments ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "host")
	standard := []string{"-std=c11", "-D_DEFAULT_SOURCE"}
	compile(t, "CC", "cc", slices.Concat(standard, strict, arguments, []string{"-o", program, "-ldl", "-pthread"})...)
	return program
}

// CompileCPP makes a program from sources in C and in C++.
func CompileCPP(t testing.TB, c, cpp []string, link ...string) string {
	t.Helper()
	dir := t.TempDir()
	var objects []string
	for i, source := range c {
		object := filepath.Join(dir, fmt.Sprint(i, ".o"))
		compile(t, "CC", "cc", slices.Concat([]string{"-std=c11", "-D_DEFAULT_SOURCE"}, strict, []string{"-c", source, "-o", object})...)
		objects = append(objects, object)
	}
	program := filepath.Join(dir, "host")
	compile(t, "CXX", "c++", slices.Concat([]string{"-std=c++17"}, strict, cpp, objects, link, []string{"-o", program, "-ldl", "-pthread"})...)
	return program
}

// EmbedSchema has cmake/ write the header that runspan_embed_schema makes of a
// schema, into a new folder, and returns the folder.
func EmbedSchema(t testing.TB, schema string) string {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "embed.cmake")
	text := fmt.Sprintf("include(%q)\n_runspan_write_schema(%q %q)\n", Root+"/cmake/runspan-functions.cmake", schema, dir)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmake := filepath.Join(Root, "build", "venv", "dev", "bin", "cmake") // in tests/requirements.txt
	if out, err := exec.Command(cmake, "-P", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// Python is the interpreter of one of build.sh's virtual environments.
func Python(t testing.TB, venv string) string {
	t.Helper()
	path := filepath.Join(Root, "build", "venv", venv, "bin", "python")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("run ./build.sh test: %v", err)
	}
	return path
}

var ambient = sync.OnceValue(func() *regexp.Regexp {
	text, err := os.ReadFile(filepath.Join(Root, "tests", "ambient.txt"))
	if err != nil {
		panic(err)
	}
	patterns := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(text)), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
	return regexp.MustCompile("(?i)" + strings.Join(patterns, "|"))
})

// IsAmbient says whether a variable of that name would change what a host does:
// tests/ambient.txt names it.
func IsAmbient(name string) bool { return ambient().MatchString(name) }

// Beside says whether the hosts' cores are to be in processes of their own: HOST_BESIDE
// in the environment of the tests. tests/ambient.py reads it, too.
func Beside() bool { return os.Getenv("HOST_BESIDE") != "" }

// Way is what an environment needs for that.
func Way() []string {
	if Beside() {
		return []string{OutOfProcess}
	}
	return nil
}

// OutOfProcess asks for a core in a process of its own.
const OutOfProcess = "RUNSPAN_OUT_OF_PROCESS=1"

// AwaitCores waits until the processes of this library have ended that work for hosts which
// have ended: they deliver for a while, and write to the hosts' folders.
func AwaitCores(t testing.TB) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if orphans() == 0 {
			return
		}
	}
	t.Error("a core beside its host does not end with the host")
}

// Installed has the folders of this library, below which its programs are: this tree, and
// what a test adds.
var Installed = []string{Root}

// orphans counts the cores whose hosts have ended.
func orphans() (count int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		// The program, the core, the host.
		words := strings.Split(string(text), "\x00")
		isOurs := func(folder string) bool { return strings.HasPrefix(words[0], folder) }
		if len(words) == 4 && slices.ContainsFunc(Installed, isOurs) && filepath.Base(words[0]) == "runspan-core" {
			if _, err := os.Stat("/proc/" + words[2]); err != nil {
				count++
			}
		}
	}
	return count
}

// Environment is this process's, less what would change what a host does, and
// with folders of its own: state is $XDG_STATE_HOME, a new one where it is empty,
// and $XDG_CONFIG_HOME is a new one.
func Environment(t testing.TB, state string, more ...string) []string {
	t.Helper()
	if state == "" {
		state = t.TempDir()
	}
	kept := []string{"XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + t.TempDir()}
	kept = append(kept, Way()...)
	if Beside() || slices.Contains(more, OutOfProcess) {
		t.Cleanup(func() { AwaitCores(t) })
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !IsAmbient(name) {
			kept = append(kept, variable)
		}
	}
	return append(kept, more...)
}

// Spool is the folder in which StripePy's spans wait, below $XDG_STATE_HOME.
func Spool(state string) string { return filepath.Join(state, "runspan", "stripepy") }

// Waiting counts the reports in a spool's files, but for the last that was delivered and
// for a file that a process is writing, which is no report yet.
func Waiting(t testing.TB, state string) (files int) {
	t.Helper()
	files, err := WaitingIn(Spool(state))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return files
}

// WaitingIn is Waiting for a spool's own folder.
func WaitingIn(folder string) (files int, err error) {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if e.Name() != "pause" && e.Name() != "delivered" && filepath.Ext(e.Name()) != ".part" {
			files++
		}
	}
	return files, err
}

// Nobody returns an endpoint at which nothing listens.
func Nobody(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String() + "/v1/traces"
}

// Listen has serve do something with each connection to a port of loopback,
// until the test ends, and returns the address.
func Listen(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}
