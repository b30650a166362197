// SPDX-License-Identifier: MIT

package wine_test

import (
	"debug/macho"
	"debug/pe"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// target is a platform that CMake and zig compile for, here.
type target struct{ platform, zig, system, processor, suffix string }

var (
	windows = target{"x86_64-windows", "x86_64-windows-gnu", "Windows", "AMD64", ".exe"}
	macOS   = target{"aarch64-macos", "aarch64-macos.12.0", "Darwin", "arm64", ""}
)

// examples installs runspan for the target as a packager does, builds the tools of examples/
// with CMake, and installs them. It returns CMake's two folders.
func examples(t *testing.T, to target) (built, prefix string) {
	t.Helper()
	if !*long {
		t.Skip("zig makes the C++ library for each target: -long")
	}
	work := t.TempDir()
	built, prefix = filepath.Join(work, "build"), filepath.Join(work, "tools")
	found := filepath.Join(work, "runspan")
	run(t, "bash", filepath.Join(host.Root, "scripts", "install.sh"), found, filepath.Join(host.Root, "build", "cross", to.platform))
	configure := []string{
		"-G", "Ninja", "-S", filepath.Join(host.Root, "examples"), "-B", built, "-DCMAKE_PREFIX_PATH=" + found, "-DCMAKE_BUILD_TYPE=Release",
		"-DCMAKE_MAKE_PROGRAM=" + tool("ninja"), "-DCMAKE_SYSTEM_NAME=" + to.system, "-DCMAKE_SYSTEM_PROCESSOR=" + to.processor,
		"-DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH",
		"-DCMAKE_C_FLAGS=-Wall -Wextra -Wpedantic -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror",
	}
	for variable, word := range map[string]string{"C_COMPILER": "cc -target " + to.zig, "CXX_COMPILER": "c++ -target " + to.zig, "AR": "ar", "RANLIB": "ranlib", "RC_COMPILER": "rc"} {
		script := filepath.Join(work, variable) // CMake takes a program's name, and no words
		if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nexec %s -m ziglang %s \"$@\"\n", host.Python(t, "dev"), word), 0o700); err != nil {
			t.Fatal(err)
		}
		configure = append(configure, "-DCMAKE_"+variable+"="+script)
	}
	run(t, append([]string{tool("cmake")}, configure...)...)
	run(t, tool("cmake"), "--build", built)
	run(t, tool("cmake"), "--install", built, "--prefix", prefix)
	return built, prefix
}

func tool(name string) string { return filepath.Join(host.Root, "build", "venv", "dev", "bin", name) }

// reports returns what has arrived of matrixtool's runs, sorted.
func reports(spans []receiver.Span) (all []string) {
	for _, s := range spans {
		words := []string{s.Name, s.Status.GetCode().String()}
		for _, a := range s.Resource.GetAttributes() {
			if slices.Contains([]string{"host.arch", "os.type"}, a.Key) {
				words = append(words, a.Value.GetStringValue())
			}
		}
		slices.Sort(words[2:])
		for _, e := range s.Events {
			for _, a := range e.Attributes {
				words = append(words, a.Value.GetStringValue())
			}
		}
		all = append(all, strings.Join(words, " "))
	}
	slices.Sort(all)
	return all
}

// The tools of examples/ on Windows: matrixtool has the front in it, and the core beside it.
func TestToolsForWindows(t *testing.T) {
	install(t)
	built, prefix := examples(t, windows)
	for _, name := range []string{"seqtool", "seqtool-disabled", "linecount", "linecount-static"} {
		file, err := pe.Open(filepath.Join(built, name+windows.suffix))
		if err != nil {
			t.Fatal(err)
		}
		symbols, _ := file.ImportedSymbols() // as name:library
		shared := slices.ContainsFunc(symbols, func(s string) bool { return strings.HasSuffix(s, ":runspan.dll") })
		if shared != (name == "seqtool" || name == "linecount") {
			t.Errorf("%s needs %v", name, symbols)
		}
		file.Close()
	}

	l := newLab(t, plain)
	folder := t.TempDir()
	for name, text := range map[string]string{"chrom.sizes": "chr1\t1000\n", "pairs": "chr1 1 chr1 250\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return onWindows(filepath.Join(folder, name)) }
	matrixtool := func(words ...string) outcome {
		return l.run(t, false, append([]string{onWindows(filepath.Join(prefix, "bin", "matrixtool.exe"))}, words...), "RUNSPAN_ENDPOINT="+l.Endpoint())
	}
	if out := matrixtool("load", at("chrom.sizes"), at("pairs"), at("matrix.txt"), "--bin-size", "100"); out.status != 0 {
		t.Errorf("load: %+v", out)
	}
	if out := matrixtool("zoomify", at("matrix.txt"), at("zoomed.txt"), "--resolutions", "150"); out.status != 1 {
		t.Errorf("zoomify: %+v", out)
	}
	if out := matrixtool("telemetry", "status"); !strings.Contains(out.printed, "telemetry  on") {
		t.Errorf("telemetry status: %+v", out)
	}
	want := []string{"load STATUS_CODE_OK AMD64 windows", "zoomify STATUS_CODE_ERROR AMD64 windows std::invalid_argument"}
	if got := reports(l.Spans()); !slices.Equal(got, want) {
		t.Errorf("what arrives is %q, want %q", got, want)
	}
}

// The same tools for macOS are read: nothing here runs them.
func TestToolsForMacOS(t *testing.T) {
	built, prefix := examples(t, macOS)
	for _, program := range []string{
		filepath.Join(built, "seqtool"), filepath.Join(built, "linecount"), filepath.Join(built, "linecount-static"), filepath.Join(prefix, "bin", "matrixtool"),
	} {
		file, err := macho.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		libraries, _ := file.ImportedLibraries()
		libraries = slices.DeleteFunc(libraries, func(l string) bool { return strings.HasPrefix(l, "/usr/lib/") })
		var want []string
		if name := filepath.Base(program); name == "seqtool" || name == "linecount" {
			want = []string{"@rpath/librunspan.0.dylib"}
		}
		if file.Cpu != macho.CpuArm64 || !slices.Equal(libraries, want) {
			t.Errorf("%s is for %v, and needs %q, want %q", program, file.Cpu, libraries, want)
		}
		file.Close()
	}
	if _, err := os.Stat(filepath.Join(prefix, "lib", "runspan-core")); err != nil {
		t.Error("matrixtool has no core: ", err)
	}
}
