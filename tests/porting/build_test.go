// SPDX-License-Identifier: MIT

// Package porting_test builds examples/matrixtool with CMake as a packager does,
// with and without telemetry, runs it, and looks at what arrived; and holds
// docs/porting.md to it.
package porting_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"runspan/tests/host"
)

const strict = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

var (
	example = filepath.Join(host.Root, "examples", "matrixtool")
	work    string // a folder for what the builds make
)

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "porting"); err != nil {
		panic(err)
	}
	host.Installed = append(host.Installed, work)
	code := m.Run()
	os.RemoveAll(work)
	os.Exit(code)
}

// tools is where build.sh puts the tools that it fetches.
var tools = filepath.Join(host.Root, "build", "venv", "dev", "bin")

func fetched(tool string) bool {
	_, err := os.Stat(filepath.Join(tools, tool))
	return err == nil
}

// command runs a program, of those that build.sh has fetched or of the system's.
func command(name string, arguments ...string) (string, error) {
	run := exec.Command(name, arguments...)
	if fetched(name) {
		run = exec.Command(filepath.Join(tools, name), arguments...)
	}
	run.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"))
	out, err := run.CombinedOutput()
	return string(out), err
}

// runspan is where runspan is installed for CMake to find.
var runspan = sync.OnceValues(func() (string, error) {
	prefix := filepath.Join(work, "runspan")
	out, err := command("bash", filepath.Join(host.Root, "scripts", "install.sh"), prefix)
	if err != nil {
		err = fmt.Errorf("%v\n%s", err, out)
	}
	return prefix, err
})

// A build of matrixtool: where CMake has worked, and where it has installed.
type build struct{ folder, prefix string }

// install builds with the option as it is said, in the one folder, so that what
// does not depend on it is compiled once.
func install(telemetry string) (build, error) {
	found, err := runspan()
	if err != nil {
		return build{}, err
	}
	b := build{filepath.Join(work, "build"), filepath.Join(work, "telemetry-"+telemetry)}
	configure := []string{
		"-S", filepath.Join(host.Root, "examples"), "-B", b.folder, "-DCMAKE_PREFIX_PATH=" + found,
		"-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0", "-DCMAKE_CXX_FLAGS=" + strict,
		"-DMATRIXTOOL_ENABLE_TELEMETRY=" + telemetry,
	}
	if fetched("ninja") {
		configure = append(configure, "-GNinja")
	}
	for _, arguments := range [][]string{
		configure,
		{"--build", b.folder, "--target", "matrixtool", "--parallel", "2"},
		{"--install", b.folder, "--prefix", b.prefix},
	} {
		if out, err := command("cmake", arguments...); err != nil {
			return build{}, fmt.Errorf("cmake %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
	return b, nil
}

var (
	with    = sync.OnceValues(func() (build, error) { return install("ON") })
	without = sync.OnceValues(func() (build, error) { return install("OFF") })
)

// made returns one of the two builds.
func made(t *testing.T, which func() (build, error)) build {
	t.Helper()
	host.Library(t)
	b, err := which()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b build) program() string { return filepath.Join(b.prefix, "bin", "matrixtool") }

// installed returns the files that were installed.
func (b build) installed(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(b.prefix + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		files[i] = strings.TrimPrefix(files[i], b.prefix+"/")
	}
	slices.Sort(files)
	return files
}

// document is what the tests need of the schema.
type document struct {
	Spans                map[string]string
	Resource, Attributes map[string]struct{ Spans []string }
	Events               map[string]map[string]any
	Destination          string
}

func schema(t *testing.T) (d document) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(example, "matrixtool.json"))
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}
