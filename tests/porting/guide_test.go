// SPDX-License-Identifier: MIT

package porting_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

// blocks returns the fenced blocks of docs/porting.md by their language.
func blocks(t *testing.T) map[string][]string {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join(host.Root, "docs", "porting.md"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, b := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1) {
		all[b[1]] = append(all[b[1]], b[2])
	}
	if 2*(len(all["json"])+len(all["cpp"])+len(all["cmake"])+len(all["console"])) != strings.Count(string(guide), "```") {
		t.Error("the guide has blocks that no test looks at")
	}
	return all
}

// The code of the guide is the example's, line by line.
func TestGuideQuotes(t *testing.T) {
	all := blocks(t)
	for language, files := range map[string]string{"json": "*.json", "cpp": "*.?pp", "cmake": "CMakeLists.txt"} {
		if len(all[language]) == 0 {
			t.Errorf("no %s is quoted", language)
		}
		for _, block := range all[language] {
			quoted := slices.ContainsFunc(glob(t, filepath.Join(example, files)), func(file string) bool {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Error(err)
				}
				return strings.Contains("\n"+string(text), "\n"+block)
			})
			if !quoted {
				t.Errorf("not in the example:\n%s", block)
			}
		}
	}
}

// varies matches the values that differ between runs, builds and machines.
var varies = regexp.MustCompile(`(?m)^(build\.compiler\.\w+|build\.type|duration_ms|os\.version|timestamp|trace\.\w+)( +).*$`)

// The commands of the guide write what it says that they do, those of a block one
// after the other. "..." stands for lines that are left out.
func TestGuideCommands(t *testing.T) {
	r, b := start(t), made(t, with)
	path := "PATH=" + filepath.Dir(b.program()) + ":" + os.Getenv("PATH")
	console := blocks(t)["console"]
	if len(console) == 0 {
		t.Error("the guide has no commands")
	}
	for _, block := range console {
		dir, state := folder(t), t.TempDir()
		environment := host.Environment(t, state, append(towards(r), path)...)
		of := []string{r.Endpoint(), schema(t).Destination, state, "/home/user/.local/state"}
		if host.Beside() {
			of = append(of, "beside the host: RUNSPAN_OUT_OF_PROCESS asks for it", "in the host")
		}
		same := strings.NewReplacer(of...)
		for _, shown := range strings.Split(block, "$ ")[1:] {
			line, want, _ := strings.Cut(shown, "\n")
			c := exec.Command("sh", "-c", line)
			c.Dir, c.Env = dir, environment
			out, err := c.CombinedOutput()
			got := varies.ReplaceAllString(same.Replace(string(out)), "$1$2")
			if err != nil || !shows(varies.ReplaceAllString(want, "$1$2"), got) {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
	}
}

// shows says whether got is want, but for what stands where want has "...".
func shows(want, got string) bool {
	parts := strings.Split("\n"+want, "\n...\n")
	got = "\n" + got
	for i, part := range parts {
		if i > 0 {
			part = "\n" + part
		}
		if i < len(parts)-1 {
			part += "\n"
		}
		at := strings.Index(got, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		got = got[at+len(part):]
		if i < len(parts)-1 {
			got = "\n" + got
		}
	}
	return got == "" || strings.HasSuffix(want, "...\n")
}
