// SPDX-License-Identifier: MIT

package install_test

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

var schema = filepath.Join(host.Root, "examples", "count", "linecount.json")

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func write(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
}

// otherCore is a library that is not the core; version may be "".
func otherCore(t *testing.T, version string) string {
	arguments := []string{"-shared", "-fPIC", filepath.Join(host.Root, "tests", "install", "hosts", "other_core.c")}
	if version != "" {
		arguments = append(arguments, fmt.Sprintf("-DVERSION=%q", version))
	}
	return host.Compile(t, arguments...)
}

// The core that is installed is missing, or is not what it should be: the tool
// does its work, and can be told why there is no telemetry.
func TestOtherCores(t *testing.T) {
	prefix := moved(t)
	core := filepath.Join(prefix, "lib", "librunspan-core.so")
	right := read(t, core)
	foreign := append([]byte(nil), right...)
	binary.LittleEndian.PutUint16(foreign[18:], uint16(elf.EM_S390)) // e_machine
	link := append(pkgConfig(t, prefix, "--cflags", "--libs"), "-Wl,-rpath,"+prefix+"/lib")
	opener := host.Compile(t, append([]string{"hosts/open.c"}, link...)...)
	tool := host.Compile(t, append([]string{"-I" + host.EmbedSchema(t, schema), host.Root + "/examples/count/linecount.c"}, link...)...)

	const missing, another = "telemetry is off: librunspan-core.so is missing or can't be loaded", "telemetry is off: librunspan-core.so is of another version"
	for _, test := range []struct {
		name string
		core []byte
		out  string // of open.c; %s is what dlopen says
	}{
		{"right", right, "open 0\nstate 0\n"},
		{"missing", nil, "log " + missing + ", nor can it be beside the host\nopen 12\nstate 12\n"},
		{"another CPU's", foreign, "log %s\nopen 12\nstate 12\n"},
		{"cut short", right[:len(right)/2], "log librunspan-core.so is cut short\nopen 12\nstate 12\n"},
		{"no library", []byte(strings.Repeat("core\n", 1000)), "log %s\nopen 12\nstate 12\n"},
		{"another version's", read(t, otherCore(t, "9.9.9")), "loaded\nlog " + another + "\nopen 13\nstate 13\n"},
		{"another library", read(t, otherCore(t, "")), "loaded\nlog " + another + "\nopen 13\nstate 13\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.Remove(core); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			if test.core != nil {
				write(t, core, test.core, 0o755)
			}
			arguments, want, arrived := []string{schema}, test.out, ""
			if strings.Contains(want, "%s") {
				arguments = append(arguments, core)
			}
			if test.name == "right" {
				arrived = "count OK"
			}
			out, code, spans := run(t, exec.Command(opener, arguments...))
			if len(arguments) > 1 {
				_, said, _ := strings.Cut(out, "dlopen ")
				said, _, _ = strings.Cut(said, "\n")
				if !strings.HasPrefix(said, core+": ") {
					t.Errorf("dlopen said %q", said)
				}
				t.Log(said)
				want = fmt.Sprintf(want, said) + "dlopen " + said + "\n"
			}
			if out != want+"secure 0\n" || code != 7 || spans != arrived {
				t.Errorf("exit code %d, spans %q, output\n%swant\n%s", code, spans, out, want)
			}
			if test.name == "right" {
				arrived = "count ERROR params.files=2"
			}
			cmd := exec.Command(tool, "linecount.json", "none")
			cmd.Dir = filepath.Dir(schema)
			out, code, spans = run(t, cmd)
			out = strings.TrimPrefix(out, "loaded\n")
			want = fmt.Sprintf("none: No such file or directory\n%d linecount.json\n", strings.Count(string(read(t, schema)), "\n"))
			if out != want || code != 1 || spans != arrived {
				t.Errorf("linecount: exit code %d, spans %q, output\n%swant\n%s", code, spans, out, want)
			}
		})
	}
}

// musl is what gcc is told for a program with Debian's musl-dev, which build.sh
// unpacks where the system has none: before the sources, and after.
func musl(t *testing.T) (before, after []string) {
	t.Helper()
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	for _, root := range []string{filepath.Join(host.Root, "build", "debs", "root", "usr"), "/usr"} {
		lib := filepath.Join(root, "lib", arch+"-linux-musl")
		if _, err := os.Stat(lib + "/libc.a"); err != nil {
			continue
		}
		own := strings.TrimSpace(output(t, command("gcc", "-print-file-name=include")))
		// The kernel's headers are among glibc's, whose own are not found before musl's.
		before = []string{"gcc", "-static", "-nostdlib", "-nostdinc", "-isystem", filepath.Join(root, "include", arch+"-linux-musl"), "-isystem", own,
			"-idirafter", "/usr/include", "-idirafter", "/usr/include/" + arch + "-linux-gnu", lib + "/crt1.o", lib + "/crti.o"}
		after = []string{"-L" + lib, "-ldl", "-pthread", "-Wl,--start-group", "-lc", "-lgcc", "-lgcc_eh", "-Wl,--end-group", lib + "/crtn.o"}
		return before, after
	}
	t.Fatal("no musl: run scripts/debs.sh musl-dev first")
	return nil, nil
}

// Programs that the core can't live in, because it needs the glibc that the
// process was started with: the core is beside them. If it must be in the host, or has
// no program, it is not loaded, and does not have to be tried.
func TestOtherCLibraries(t *testing.T) {
	lib := host.Library(t)
	before, after := musl(t)
	for _, test := range []struct {
		name          string
		before, after []string
	}{
		{"musl", before, after},
		{"glibc, linked statically", []string{"gcc", "-static"}, []string{"-ldl", "-pthread"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "open")
			output(t, command(slices.Concat(test.before, []string{"-std=c11", "-D_DEFAULT_SOURCE", "-w", "-I" + host.Root + "/include", "-o", program, "hosts/open.c"}, host.Front(t), test.after)...))
			alone := t.TempDir() + "/librunspan-core.so"
			write(t, alone, read(t, lib+"/librunspan-core.so"), 0o644)
			const reason = "log telemetry is off: this process has no glibc, or two, or is linked statically"
			for _, by := range []struct{ core, way, out, spans string }{
				{lib + "/librunspan-core.so", "", "open 0\nstate 0\n", "count OK"},
				{lib + "/librunspan-core.so", "0", reason + "\nopen 17\nstate 17\n", ""},
				{alone, "", reason + "; beside the host: runspan-core is missing, can't be started or has ended\nopen 17\nstate 17\n", ""},
			} {
				out, code, spans := run(t, exec.Command(program, schema), "RUNSPAN_CORE="+by.core, "RUNSPAN_OUT_OF_PROCESS="+by.way)
				if out != by.out+"secure 0\n" || code != 7 || spans != by.spans {
					t.Errorf("%v: exit code %d, spans %q, output\n%s", by, code, spans, out)
				}
			}
		})
	}
}

// musl's own dynamic linker, which the system may not have.
func muslLinker(t *testing.T) string {
	t.Helper()
	for _, root := range []string{filepath.Join(host.Root, "build", "debs", "root"), "/"} {
		if found, _ := filepath.Glob(filepath.Join(root, "lib", "ld-musl-*.so.1")); len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("no musl: run scripts/debs.sh musl-dev first")
	return ""
}

// A program that is linked with musl, dynamically, and the library for musl: the front is
// in the program, the core, in plain Go, beside it.
func TestMusl(t *testing.T) {
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	lib := filepath.Join(host.Root, "build", "cross", arch+"-musl")
	if _, err := os.Stat(lib + "/runspan-core"); err != nil {
		t.Fatal("run ./build.sh test install: ", err)
	}
	zig, _ := filepath.Glob(filepath.Join(host.Root, "build", "venv", "build", "lib", "python3*", "site-packages", "ziglang", "zig"))
	if len(zig) != 1 {
		t.Fatal("no zig: ", zig)
	}
	program := filepath.Join(t.TempDir(), "open")
	output(t, command(zig[0], "cc", "-target", arch+"-linux-musl", "-dynamic", "-O2", "-std=c11", "-D_DEFAULT_SOURCE", "-I"+host.Root+"/include",
		"-o", program, "hosts/open.c", "-L"+lib, "-lrunspan"))
	needed := output(t, command("readelf", "-d", lib+"/librunspan.so.0"))
	if strings.Count(needed, "(NEEDED)") != 1 || !strings.Contains(needed, "[libc.so]") {
		t.Errorf("the front needs more than musl:\n%s", needed)
	}
	out, code, spans := run(t, exec.Command(muslLinker(t), "--library-path", lib, program, schema))
	if out != "open 0\nstate 0\nsecure 0\n" || code != 7 || spans != "count OK" {
		t.Errorf("exit code %d, spans %q, output\n%s", code, spans, out)
	}
}

// RUNSPAN_CORE, for a program that has no core beside it.
func TestCoreVariable(t *testing.T) {
	lib := host.Library(t)
	program := host.Compile(t, "hosts/open.c", lib+"/librunspan.a")
	const missing = "log telemetry is off: librunspan-core.so is missing or can't be loaded\nopen 12\nstate 12\n"
	for _, test := range []struct{ core, out, spans string }{
		{lib + "/librunspan-core.so", "open 0\nstate 0\n", "count OK"},
		{"", missing, ""},
		{"librunspan-core.so", missing, ""},
		{"./librunspan-core.so", missing, ""},
		{lib + "/nothing.so", missing, ""},
	} {
		cmd := exec.Command(program, schema)
		cmd.Dir = lib
		out, code, spans := run(t, cmd, "RUNSPAN_CORE="+test.core)
		if out != test.out+"secure 0\n" || code != 7 || spans != test.spans {
			t.Errorf("RUNSPAN_CORE=%s: exit code %d, spans %q, output\n%s", test.core, code, spans, out)
		}
	}
}
