// SPDX-License-Identifier: MIT

package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Somebody removes, renames or cuts the file that is written to: an idle collector
// makes it anew within a second, what is acknowledged then is in it, and what was
// in it before is said to be gone where it is.
func TestReplacedFile(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	path := filepath.Join(c.dir, "data", "otlp", "spans.json")
	client := c.client()
	send := func() {
		t.Helper()
		r := report(1)
		if status, err := c.post(client, encode(t, r)); status != http.StatusOK || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
		content, err := os.ReadFile(path)
		must(t, err)
		if !strings.Contains(string(content), id(spansOf(r)[0].SpanId)) {
			t.Error("it is acknowledged, and not in the file")
		}
	}
	away := filepath.Join(c.dir, "away.json")
	for number, displace := range []func() error{
		func() error { return os.Remove(path) },
		func() error { return os.Rename(path, away) },
		func() error { return os.Truncate(path, 0) },
	} {
		send()
		before, err := os.Lstat(path)
		must(t, err)
		gone := c.metric(t, "runspan_journal_gone_bytes")
		must(t, displace())
		for end := time.Now().Add(time.Second); ; time.Sleep(20 * time.Millisecond) {
			if found, err := os.Lstat(path); err == nil && !os.SameFile(found, before) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%d: it is not noticed within a second", number)
			}
		}
		if now := c.metric(t, "runspan_journal_gone_bytes"); now != gone+float64(before.Size()) {
			t.Errorf("%d: %v bytes are gone, and were %v before %d more", number, now, gone, before.Size())
		}
		send()
		must(t, displace())
		send() // at once
	}
	if made := strings.Count(c.log.String(), "and is made anew"); made != 6 {
		t.Errorf("the log has it %d times", made)
	}
	folder := filepath.Dir(path)
	must(t, os.Rename(folder, folder+".away"))
	if status, err := c.post(client, encode(t, report(1))); status != http.StatusServiceUnavailable || err != nil {
		t.Errorf("without a folder: %d, %v", status, err)
	}
	must(t, os.Rename(folder+".away", folder))
	send()
}

// Under load, while the file is moved away again and again: nothing that was sent
// after a move and acknowledged is where nobody looks.
func TestReplacedUnderLoad(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	path := filepath.Join(c.dir, "data", "otlp", "spans.json")
	stop := make(chan struct{})
	moves := 0
	go func() {
		defer close(stop)
		for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			// Under a name that is one of the collector's: what it had acknowledged there counts.
			if os.Rename(path, strings.TrimSuffix(path, ".json")+fmt.Sprintf("-%d.json", moves)) == nil {
				moves++
			}
		}
	}()
	acknowledged, failed := c.load(t, 16, 1, stop)
	ids, _ := c.files(t)
	lost := 0
	for id := range acknowledged {
		if ids[id] == 0 {
			lost++
		}
	}
	t.Logf("%d acknowledged, %d in the files, %d requests failed, %d moves", len(acknowledged), len(ids), failed, moves)
	if lost > 0 || failed > 0 || moves < 10 || len(acknowledged) < 50 {
		t.Errorf("lost %d of %d, %d failed, %d moves", lost, len(acknowledged), failed, moves)
	}
}
