// SPDX-License-Identifier: MIT

// Package install_test installs runspan, moves the installation, builds the
// examples with it in each of the ways that a tool has, and runs them.
package install_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

const fasta = ">one\nACGT\nACGT\n>two\nGGG\n"

// runs are the examples' commands, their output, and the spans that the receiver must have.
var runs = []struct {
	command string
	output  string
	code    int
	spans   string
}{
	{"linecount some.fa some.fa", "5 some.fa\n5 some.fa\n", 0, "count OK params.files=2"},
	{"linecount none.fa some.fa", "none.fa: No such file or directory\n5 some.fa\n", 1, "count ERROR params.files=2"},
	{"linecount-static some.fa", "5 some.fa\n", 0, "count OK params.files=1"},
	{"seqtool length some.fa", "one\t8\ntwo\t3\n", 0, "length OK params.min_length=0"},
	{"seqtool gc --percent --min-length 4 some.fa", "one\t50\n", 0, "gc OK params.min_length=4 params.percent=true"},
	{"seqtool gc none.fa", "seqtool: can't read none.fa\n", 1,
		"gc ERROR params.min_length=0 params.percent=false exception.type=std::runtime_error"},
	// What the schema does not name has no span.
	{"seqtool sort some.fa", "seqtool: no subcommand is named sort\n", 2, ""},
	{"seqtool-disabled gc --percent --min-length 4 some.fa", "one\t50\n", 0, ""},
	{"seqtool-disabled gc none.fa", "seqtool: can't read none.fa\n", 1, ""},
	{"seqtool-disabled sort some.fa", "seqtool: no subcommand is named sort\n", 2, ""},
}

// show is a span in words.
func show(s receiver.Span) string {
	words := []string{s.Name, [...]string{"UNSET", "OK", "ERROR"}[s.Status.GetCode()]}
	slices.SortFunc(s.Attributes, func(a, b *commonpb.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	for _, event := range s.Events {
		s.Attributes = append(s.Attributes, event.Attributes...)
	}
	for _, a := range s.Attributes {
		words = append(words, a.Key+"="+text(a.Value))
	}
	return strings.Join(words, " ")
}

func text(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_ArrayValue:
		var texts []string
		for _, item := range v.ArrayValue.Values {
			texts = append(texts, text(item))
		}
		return strings.Join(texts, ",")
	case nil:
		return ""
	default:
		return value.String()
	}
}

// run runs a program against a receiver: its output, its exit code, and the
// spans that arrive.
func run(t *testing.T, cmd *exec.Cmd, environment ...string) (out string, code int, spans string) {
	t.Helper()
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Env = host.Environment(t, "", append(environment, "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var all []string
	for _, s := range r.Spans() {
		all = append(all, show(s))
	}
	return string(text), cmd.ProcessState.ExitCode(), strings.Join(all, "\n")
}

// check runs the examples in the folder, those that are there: as many as said.
func check(t *testing.T, dir string, programs int) {
	t.Helper()
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "some.fa"), []byte(fasta), 0o600); err != nil {
		t.Fatal(err)
	}
	there := make(map[string]bool)
	for _, test := range runs {
		words := strings.Fields(test.command)
		program := filepath.Join(dir, words[0])
		if _, err := os.Stat(program); err != nil {
			continue
		}
		there[program] = true
		cmd := exec.Command(program, words[1:]...)
		cmd.Dir = data
		if out, code, spans := run(t, cmd); out != test.output || code != test.code || spans != test.spans {
			t.Errorf("%s: exit code %d, output %q, spans %q", test.command, code, out, spans)
		}
	}
	if len(there) != programs {
		t.Errorf("%d programs are there: %v", len(there), there)
	}
	if disabled := filepath.Join(dir, "seqtool-disabled"); there[disabled] {
		if found := ofRunspan(t, disabled); len(found) > 0 {
			t.Errorf("seqtool-disabled is linked with %v", found)
		}
		if found := ofRunspan(t, filepath.Join(dir, "seqtool")); len(found) == 0 {
			t.Error("seqtool is not linked with runspan, it seems: this test sees nothing")
		}
	}
}

// ofRunspan is what a program has of the library: itself, or functions of it.
func ofRunspan(t *testing.T, program string) (found []string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	libraries, err := file.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(libraries, symbols(t, program)...) {
		if strings.HasPrefix(name, "runspan_") || strings.HasPrefix(name, "librunspan") {
			found = append(found, name)
		}
	}
	return found
}

func symbols(t *testing.T, program string) (names []string) {
	t.Helper()
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}

// cmake configures and builds the examples, and returns the folder they are in.
func cmake(t *testing.T, cc compiler, generator string, options ...string) string {
	t.Helper()
	dir, bin := t.TempDir(), filepath.Dir(dev(t, "bin/cmake"))
	flags := strings.Join(strict, " ")
	configure := command(slices.Concat([]string{bin + "/cmake", "-S", filepath.Join(host.Root, "examples"), "-B", dir,
		"-G", generator, "-DCMAKE_C_COMPILER=" + strings.Join(cc.c, ";"), "-DCMAKE_CXX_COMPILER=" + strings.Join(cc.cxx, ";"),
		"-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_C_FLAGS=" + flags, "-DCMAKE_CXX_FLAGS=" + flags}, options)...)
	if generator == "Ninja" {
		configure.Args = append(configure.Args, "-DCMAKE_MAKE_PROGRAM="+bin+"/ninja")
	}
	output(t, configure)
	output(t, command(bin+"/cmake", "--build", dir))
	return dir
}

// find_package accepts and refuses the versions and ranges that a project may ask for.
func TestFindPackageVersion(t *testing.T) {
	prefix := moved(t)
	version := pkgConfig(t, prefix, "--modversion")[0]
	asked := map[string]bool{
		"0": true, "0.0.9": true, version: true, version + ".1": false, "0.999": false, "1": false, "1.0.0": false,
		"0.0.1...0.999": true, "0.0.1...<1": true, "0...1": true, "0.0.1..." + version: true, "0.0.1...<" + version + ".1": true,
		"0.0.1...<" + version: false, "0.0.1...0.0.9": false, "0.998...0.999": false, "1...2": false,
	}
	bin := filepath.Dir(dev(t, "bin/cmake"))
	dir := t.TempDir()
	write(t, filepath.Join(dir, "CMakeLists.txt"), []byte(`cmake_minimum_required(VERSION 3.25)
project(versions LANGUAGES C)
foreach(asked ${ASKED})
    unset(runspan_DIR CACHE)
    find_package(runspan ${asked} CONFIG QUIET)
    message(NOTICE "${asked} ${runspan_FOUND} of ${runspan_CONSIDERED_VERSIONS}")
endforeach()
`), 0o600)
	var out strings.Builder
	cmd := command(bin+"/cmake", "-S", dir, "-B", dir+"/build", "-G", "Ninja", "-DCMAKE_MAKE_PROGRAM="+bin+"/ninja",
		"-DCMAKE_PREFIX_PATH="+prefix, "-DASKED="+strings.Join(slices.Collect(maps.Keys(asked)), ";"))
	cmd.Stderr = &out // notices
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for words, compatible := range asked {
		want := fmt.Sprintf("%s 0 of %s\n", words, version)
		if compatible {
			want = fmt.Sprintf("%s 1 of %s\n", words, version)
		}
		if !strings.Contains("\n"+out.String(), "\n"+want) {
			t.Errorf("no line %q in\n%s", want, &out)
		}
	}
}

func TestFindPackage(t *testing.T) {
	prefix := moved(t)
	for _, cc := range compilers(t) {
		t.Run(cc.name, func(t *testing.T) {
			t.Parallel()
			check(t, cmake(t, cc, "Ninja", "-DCMAKE_PREFIX_PATH="+prefix), 4)
		})
	}
}

// In a project of make where there is one, and one of ninja: build.sh makes the
// core in the build folder of each.
func TestAddSubdirectory(t *testing.T) {
	for _, cc := range compilers(t) {
		t.Run(cc.name, func(t *testing.T) {
			t.Parallel()
			generator := "Ninja"
			if _, err := exec.LookPath("make"); err == nil && cc.name != "zig" {
				generator = "Unix Makefiles"
			}
			// What a project around it may have set.
			dir := cmake(t, cc, generator, "-DRUNSPAN_SOURCE="+host.Root, "-DCMAKE_C_VISIBILITY_PRESET=hidden")
			check(t, dir, 4)
			if got, want := exported(t, dir+"/runspan/librunspan.so"), exported(t, host.Library(t)+"/librunspan.so"); !slices.Equal(got, want) {
				t.Errorf("CMake's library is %v, and build.sh's %v", got, want)
			}
		})
	}
}

// exported are a library's soname and the names of what it exports.
func exported(t *testing.T, library string) []string {
	t.Helper()
	file, err := elf.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	names, err := file.DynString(elf.DT_SONAME)
	if err != nil {
		t.Fatal(err)
	}
	all, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Section != elf.SHN_UNDEF && s.Section != elf.SHN_ABS { // ABS: a version node, of some linkers
			names = append(names, s.Name)
		}
	}
	slices.Sort(names)
	return names
}

// Without telemetry a project needs no Go, and none of its programs has any of
// runspan.
func TestAddSubdirectoryDisabled(t *testing.T) {
	all := compilers(t)
	machines := all[len(all)-1] // zig is slow, and TestFindPackage compiles the same with each
	dir := cmake(t, machines, "Ninja", "-DRUNSPAN_SOURCE="+host.Root, "-DRUNSPAN_DISABLED=ON")
	if err := os.Rename(dir+"/seqtool", dir+"/seqtool-disabled"); err != nil {
		t.Fatal(err)
	}
	if found := ofRunspan(t, dir+"/seqtool-disabled"); len(found) > 0 {
		t.Errorf("it is linked with %v", found)
	}
	if found, err := filepath.Glob(dir + "/runspan/*.so*"); err != nil || len(found) > 0 {
		t.Errorf("made: %v, %v", found, err)
	}
}

// A tool that is installed beside runspan, in the bin of its prefix, can be
// moved with it.
func TestPkgConfig(t *testing.T) {
	examples := filepath.Join(host.Root, "examples")
	includes := []string{"-I" + host.EmbedSchema(t, examples+"/count/linecount.json"), "-I" + host.EmbedSchema(t, examples+"/seqtool/seqtool.json")}
	for _, cc := range compilers(t) {
		t.Run(cc.name, func(t *testing.T) {
			t.Parallel()
			prefix := moved(t)
			bin := filepath.Join(prefix, "bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				t.Fatal(err)
			}
			flags := slices.Concat(strict, includes, []string{"-o"})
			shared := append(pkgConfig(t, prefix, "--cflags", "--libs"), "-Wl,-rpath,$ORIGIN/../lib")
			static := pkgConfig(t, prefix, "--static", "--cflags", "--libs")
			i := slices.Index(static, "-lrunspan")
			if i < 0 || !slices.Contains(static, "-pthread") || slices.Contains(shared, "-pthread") {
				t.Fatalf("shared %v, static %v", shared, static)
			}
			static[i] = "-l:librunspan.a"
			count, seqtool := examples+"/count/linecount.c", examples+"/seqtool/seqtool.cpp"
			for _, words := range [][]string{
				slices.Concat(cc.c, flags, []string{bin + "/linecount", count}, shared),
				slices.Concat(cc.c, flags, []string{bin + "/linecount-static", count}, static),
				slices.Concat(cc.cxx, flags, []string{bin + "/seqtool", seqtool}, shared),
			} {
				output(t, command(words...))
			}
			if file, err := elf.Open(bin + "/linecount-static"); err != nil {
				t.Error(err)
			} else if libraries, err := file.ImportedLibraries(); err != nil || slices.Contains(libraries, "librunspan.so.0") {
				t.Errorf("linecount-static needs %v, %v", libraries, err)
			}
			check(t, filepath.Join(move(t, prefix), "bin"), 3)
		})
	}
}

// The header that is made of a schema is the schema, byte for byte, in C and in
// C++; every-kind.json is not all ASCII.
func TestEmbedSchema(t *testing.T) {
	schema := filepath.Join(host.Root, "tests", "data", "every-kind.json")
	includes := []string{"-I" + host.EmbedSchema(t, schema)}
	want := string(read(t, schema))
	if !strings.Contains(want, "é") {
		t.Fatal("the schema is ASCII: this test shows nothing")
	}
	for _, cc := range compilers(t) {
		for language, compiler := range map[string][]string{"c": cc.c, "c++": cc.cxx} {
			t.Run(cc.name+" "+language, func(t *testing.T) {
				t.Parallel()
				program := filepath.Join(t.TempDir(), "schema")
				output(t, command(slices.Concat(compiler, strict, includes, []string{"-o", program, "-x", language, "hosts/schema.c"})...))
				if got := output(t, exec.Command(program)); got != want {
					t.Errorf("%d bytes, want %d:\n%s", len(got), len(want), got)
				}
			})
		}
	}
}

// Each standard from the first that can be had, with the flags that pkg-config
// gives.
func TestStandards(t *testing.T) {
	examples := filepath.Join(host.Root, "examples")
	cflags := append(pkgConfig(t, moved(t), "--cflags"), "-I"+host.EmbedSchema(t, examples+"/count/linecount.json"), "-I"+host.EmbedSchema(t, examples+"/seqtool/seqtool.json"))
	for _, cc := range compilers(t) {
		t.Run(cc.name, func(t *testing.T) {
			t.Parallel()
			look := func(compiler []string, more ...string) {
				cmd := command(slices.Concat(compiler, strict, cc.compile, cflags, more)...)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %v\n%s", more, err, out)
				}
			}
			for _, standard := range []string{"c99", "c11", "c17", "c2x"} {
				look(cc.c, "-std="+standard, examples+"/count/linecount.c")
			}
			for _, standard := range []string{"c++17", "c++20", "c++2b"} {
				look(cc.cxx, "-std="+standard, examples+"/seqtool/seqtool.cpp")
				look(cc.cxx, "-std="+standard, "hosts/members.cpp")
				look(cc.cxx, "-std="+standard, "-DRUNSPAN_DISABLED", "hosts/members.cpp")
			}
		})
	}
}

const ofMembers = `other run OK count=1
run UNSET choice=é count=9 either=a flag=true list=a,b real=0.5 text= whole= words=a,b exception.type=ValueError exception.message=`

// Every member of the C++ header does what it does with telemetry, or nothing
// without it, and members.cpp has all of them: the functions that it was compiled
// to are as many as the header declares, name by name.
func TestMembers(t *testing.T) {
	prefix, cc := moved(t), compilers(t)[0]
	schema := filepath.Join(host.Root, "tests", "data", "every-kind.json")
	for _, test := range []struct {
		name, spans string
		flags       []string
	}{
		{"enabled", ofMembers, append(pkgConfig(t, prefix, "--libs"), "-Wl,-rpath,"+prefix+"/lib")},
		{"disabled", "", []string{"-DRUNSPAN_DISABLED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "members")
			output(t, command(slices.Concat(cc.cxx, strict, []string{"-fno-inline", "-std=c++17", "-o", program, "hosts/members.cpp"},
				pkgConfig(t, prefix, "--cflags"), test.flags)...))
			out, code, spans := run(t, exec.Command(program, schema))
			if code != 0 || !regexp.MustCompile(`(?m)^\d+ passed, 0 failed$`).MatchString(out) || spans != test.spans {
				t.Errorf("exit code %d, spans %q\n%s", code, spans, out)
			}
			has := compiled(t, program)
			for name, n := range declared(t) {
				if len(has[name]) < n {
					t.Errorf("%s: declared %d times, and here are %q", name, n, has[name])
				}
			}
		})
	}
}

var (
	// _ZN7runspan4span3setEN..., as all compilers here name C++ functions in a program.
	symbolPattern = regexp.MustCompile(`^_ZNK?7runspan(?:4(span)|6(client))?(?:\d+([a-z_]+)|([CD][12]|aS|cvb)E)`)
	//     int set(std::string_view key, T value) noexcept {
	memberPattern = regexp.MustCompile(`^(?:inline |    )[^(]*?(~?\w+|operator=|operator bool)\(.*\) (?:const )?noexcept\b`)
	classPattern  = regexp.MustCompile(`^class (\w+) \{`)
)

// compiled are the functions of runspan.hpp in a program, by their names.
func compiled(t *testing.T, program string) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	for _, symbol := range symbols(t, program) {
		symbol = strings.NewReplacer("C1E", "C2E", "D1E", "D2E").Replace(symbol) // one constructor, two symbols
		m := symbolPattern.FindStringSubmatch(symbol)
		if m == nil {
			continue
		}
		class := m[1] + m[2]
		name := m[3] + map[string]string{"C2": class, "D2": "~" + class, "aS": "operator=", "cvb": "operator bool"}[m[4]]
		if class != "" {
			name = class + "::" + name
		}
		if !slices.Contains(found[name], symbol) {
			found[name] = append(found[name], symbol)
		}
	}
	return found
}

// declared is how often each function is declared in the public parts of the
// header.
func declared(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(host.Root, "include", "runspan.hpp"))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]int)
	class, public := "", true
	for _, line := range strings.Split(string(text), "\n") {
		if m := classPattern.FindStringSubmatch(line); m != nil {
			class, public = m[1]+"::", false
		}
		switch line {
		case "public:":
			public = true
		case "private:":
			public = false
		case "};":
			class, public = "", true
		}
		m := memberPattern.FindStringSubmatch(line)
		if m != nil && public && class != "c_string::" && !strings.Contains(line, " = default;") {
			found[class+m[1]]++
		}
	}
	if found["span::set"] < 7 || found["client::set_resource"] < 4 || found["command"] != 1 {
		t.Fatalf("the header is not understood: %v", found)
	}
	return found
}
