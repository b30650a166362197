// SPDX-License-Identifier: MIT

package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// distinct returns the ids of spans.
func distinct(spans []receiver.Span) map[string]bool {
	ids := make(map[string]bool)
	for _, s := range spans {
		ids[string(s.SpanId)] = true
	}
	return ids
}

// The folder may go at any time: with what was in it, but with nothing more.
func TestFolderIsRemovedInTheMiddle(t *testing.T) {
	tool := compileTool(t)
	for _, after := range []time.Duration{0, 20, 60, 120, 180} {
		r := listen(t, receiver.Options{})
		state := t.TempDir()
		p, out := start(t, tool.command(1, 4, 50*time.Millisecond, "end", 5*time.Second), host.Environment(t, state, to(r)...))
		time.Sleep(after * time.Millisecond)
		for deadline := time.Now().Add(20 * time.Millisecond); time.Now().Before(deadline); {
			if err := os.RemoveAll(filepath.Join(state, "runspan")); err != nil {
				t.Log(err) // a file came in between
			}
		}
		result := finish(t, p, out)
		if result.code["ended"]+result.code["closed"] != 0 || len(distinct(r.Spans())) != 4 {
			t.Errorf("removed after %d ms: %s, %d of 4 spans arrived", after, asJSON(result.code), len(r.Spans()))
		}
	}
}

// The schema says how many files there may be; the oldest make room.
func TestFilesAreLimited(t *testing.T) {
	const limit, runs = 5, 12
	tool := compileTool(t)
	state := t.TempDir()
	text, err := os.ReadFile(host.Schema)
	if err != nil {
		t.Fatal(err)
	}
	schema := filepath.Join(t.TempDir(), "schema.json")
	limited := regexp.MustCompile(`"files": *\d+`).ReplaceAll(text, fmt.Appendf(nil, `"files": %d`, limit))
	if err := os.WriteFile(schema, limited, 0o600); err != nil || string(limited) == string(text) {
		t.Fatalf("the schema is as it was: %v", err)
	}
	away := host.Environment(t, state, "RUNSPAN_ENDPOINT=https://"+closedPort(t)+"/v1/traces")
	for i := range runs {
		command := tool.command(i+1, 1, 0, "end", budget)
		command[1] = schema
		p, out := start(t, command, away)
		if result := finish(t, p, out); result.code["ended"] != 0 {
			t.Errorf("run %d: %s", i+1, asJSON(result.code))
		}
	}
	// Others may stand beside until a run looks through the folder, at its open.
	if left := host.Waiting(t, state); left > limit+1 {
		t.Errorf("%d files are there, of %d at most", left, limit)
	}
	r := listen(t, receiver.Options{})
	if err := os.Remove(filepath.Join(host.Spool(state), "pause")); err != nil {
		t.Fatal(err)
	}
	tool.deliver(t, state, host.Environment(t, state, to(r)...), 5*time.Second)
	last := 0
	for _, s := range r.Spans() {
		number, _ := mark(s.Span)
		last = max(last, number)
	}
	if last != runs {
		t.Errorf("the newest that came is of run %d", last)
	}
}

// Yesterday's clock finds files, and a pause, of what is now tomorrow.
func TestClockIsSetBack(t *testing.T) {
	tool := compileTool(t)
	state := t.TempDir()
	away := host.Environment(t, state, "RUNSPAN_ENDPOINT=https://"+closedPort(t)+"/v1/traces")
	p, out := start(t, tool.command(1, 1, 0, "end", budget), away)
	finish(t, p, out)
	p, out = start(t, tool.command(2, 1, 30*time.Millisecond, "_exit", budget), away)
	finish(t, p, out)
	tomorrow := time.Now().Add(24 * time.Hour)
	folder := host.Spool(state)
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if e.Name() == "pause" {
			text, err := os.ReadFile(path)
			fields := strings.Fields(string(text))
			if err != nil || len(fields) != 5 {
				t.Fatalf("%q %v", text, err)
			}
			fields[3] = fmt.Sprint(tomorrow.UnixMilli())
			err = os.WriteFile(path, []byte(strings.Join(fields, " ")+"\n"), 0o600)
			if err != nil {
				t.Fatal(err)
			}
		} else {
			name := fmt.Sprintf("%016x%s", tomorrow.UnixNano(), e.Name()[16:])
			if err := os.Rename(path, filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
			path = filepath.Join(folder, name)
		}
		if err := os.Chtimes(path, tomorrow, tomorrow); err != nil {
			t.Fatal(err)
		}
	}
	r := listen(t, receiver.Options{})
	p, out = start(t, tool.command(3, 1, 0, "end", 5*time.Second), host.Environment(t, state, to(r)...))
	if result := finish(t, p, out); result.code["ended"]+result.code["closed"] != 0 {
		t.Errorf("the host noticed: %s", asJSON(result.code))
	}
	host.AwaitCores(t) // which remove what has come
	came := make(map[int]bool)
	for _, s := range r.Spans() {
		number, aborted := mark(s.Span)
		came[number] = true
		if aborted != (number == 2) {
			t.Errorf("run %d: aborted %v", number, aborted)
		}
	}
	if len(came) != 3 || host.Waiting(t, state) != 0 {
		t.Errorf("%v came, %d files are left", came, host.Waiting(t, state))
	}
}
