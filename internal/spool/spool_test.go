// SPDX-License-Identifier: MIT

package spool

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var roomy = Limits{Files: 1000, Bytes: 1 << 20, Age: time.Hour}

func anything([]byte) error { return nil }

func open(t testing.TB, path string, limits Limits) *Spool {
	t.Helper()
	s := Open(path, limits, anything, func(string) {})
	t.Cleanup(func() { shut(s) })
	return s
}

func shut(s *Spool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s.Close(ctx)
}

func folderOf(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "state", "service")
}

// put puts requests and waits until the writer has come to them.
func put(t testing.TB, s *Spool, requests ...string) {
	t.Helper()
	for _, r := range requests {
		if err := s.Put([]byte(r), nil); err != nil {
			t.Fatal(err)
		}
	}
	written(t, s)
}

func written(t testing.TB, s *Spool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		queued := s.has((*Batch).isQueued)
		s.mu.Unlock()
		if !queued {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the writer does not come to its jobs")
		}
	}
}

// drain claims and removes everything, and returns it.
func drain(s *Spool) (requests []string) {
	for b := s.Claim(); b != nil; b = s.Claim() {
		requests = append(requests, string(b.Request))
		s.Remove(b)
	}
	return requests
}

func empty(s *Spool) bool {
	return !s.HasOwn() && s.IsIdle()
}

func sorted(list []string) string {
	slices.Sort(list)
	return strings.Join(list, " ")
}

// names lists a folder: the state of the spool's files, the name of others.
func names(t testing.TB, path string) string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, e := range entries {
		if f, ok := parseFile(e.Name()); ok {
			found = append(found, string(f.state))
		} else {
			found = append(found, e.Name())
		}
	}
	return sorted(found)
}

func TestClaimOrder(t *testing.T) {
	for _, path := range []string{"", folderOf(t)} {
		s := open(t, path, roomy)
		if b := s.Claim(); b != nil || !empty(s) {
			t.Fatalf("claimed %v from an empty spool", b)
		}
		put(t, s, "a", "b", "c")
		claim := func(want string) *Batch {
			t.Helper()
			b := s.Claim()
			if own, idle := s.HasOwn(), s.IsIdle(); b == nil || string(b.Request) != want || !own || idle {
				t.Fatalf("claimed %v, want %s", b, want)
			}
			return b
		}
		s.Remove(claim("a"))
		s.SetAside(claim("b"))
		s.Return(claim("c"))
		s.Remove(claim("c"))
		if b := s.Claim(); b != nil || !empty(s) {
			t.Errorf("%v is left", b)
		}
		if path != "" && names(t, path) != "bad" {
			t.Errorf("files %s", names(t, path))
		}
	}
}

func TestWhatIsClosedAnotherDelivers(t *testing.T) {
	path := folderOf(t)
	first := open(t, path, roomy)
	put(t, first, "a", "b", "c")
	first.Return(first.Claim())
	first.Standby("span", []byte("r"))
	shut(first)
	if got := names(t, path); got != "otlp otlp otlp otlp" {
		t.Errorf("files %s", got)
	}
	if err := first.Put([]byte("d"), nil); err != ErrClosed {
		t.Errorf("a put after close: %v", err)
	}
	second := open(t, path, roomy)
	if second.HasOwn() || second.IsIdle() {
		t.Error("it knows what others have left, or takes it for its own")
	}
	if got := sorted(drain(second)); got != "a b c r" || !empty(second) {
		t.Errorf("found %s", got)
	}
	if got := names(t, path); got != "" {
		t.Errorf("files %s", got)
	}
}

// A standby becomes the batch of its span: there is one file throughout.
func TestStandbys(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	for _, r := range []string{"r1", "r2"} {
		if !s.Standby("span", []byte(r)) || !s.Standby("other", []byte(r)) {
			t.Fatal("not kept")
		}
	}
	written(t, s)
	if names(t, path) != "held held" || s.Claim() != nil || !empty(s) {
		t.Errorf("files %s", names(t, path))
	}
	if err := s.Put([]byte("whole"), []string{"none", "span", "other"}); err != nil {
		t.Fatal(err)
	}
	written(t, s)
	if got := names(t, path); got != "held" {
		t.Errorf("files %s", got)
	}
	if got := sorted(drain(s)); got != "whole" || names(t, path) != "" {
		t.Errorf("delivered %s, files %s", got, names(t, path))
	}
	for i := range 2 * maxStandbys {
		s.Standby(fmt.Sprint(i), []byte("r"))
	}
	written(t, s)
	if got := len(strings.Fields(names(t, path))); got != maxStandbys {
		t.Errorf("%d standbys", got)
	}
	if open(t, "", roomy).Standby("span", nil) {
		t.Error("memory keeps a standby")
	}
}

// A request that can't be written any more is delivered from memory; what then
// stays on disk, should the process die, is the standby.
func TestAStandbyOutlivesAFullDisk(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	for _, end := range []func(*Batch){s.Remove, s.Delivered} {
		s.Standby("span", []byte("r"))
		s.Standby("other", []byte("r"))
		written(t, s)
		if err := s.Put(make([]byte, maxRequest+1), []string{"span", "other"}); err != nil {
			t.Fatal(err)
		}
		written(t, s)
		b := s.Claim()
		if len(b.Request) != maxRequest+1 || names(t, path) != "held held" {
			t.Errorf("%d bytes, files %s", len(b.Request), names(t, path))
		}
		s.Return(b)
		if b = s.Claim(); len(b.Request) != maxRequest+1 || names(t, path) != "held held" {
			t.Errorf("%d bytes, files %s", len(b.Request), names(t, path))
		}
		end(b)
		if got := names(t, path); got != "" { // the standbys are not what was delivered
			t.Errorf("files %s", got)
		}
	}
}

// A delivered batch is not delivered again, even if the name for the last delivered batch is taken.
func TestDeliveredOnce(t *testing.T) {
	path := folderOf(t)
	if err := os.MkdirAll(filepath.Join(path, deliveredFile, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, roomy)
	put(t, s, "a")
	s.Delivered(s.Claim())
	if got := names(t, path); got != deliveredFile {
		t.Errorf("files %s", got)
	}
}

// A batch that could not be written is written by Close, before it would be lost.
func TestCloseRetriesFailedWrites(t *testing.T) {
	path := folderOf(t)
	if err := os.WriteFile(filepath.Dir(path), nil, 0o600); err != nil { // in the folder's place
		t.Fatal(err)
	}
	s := open(t, path, roomy)
	put(t, s, "a", "b")
	if err := os.Remove(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	shut(s)
	if got := sorted(drain(open(t, path, roomy))); got != "a b" {
		t.Errorf("a later run finds %q", got)
	}
}

// plant puts a file there as some process would have left it.
func plant(t testing.TB, path string, f file, content []byte) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, f.String()), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// ownerOf names a process of this machine.
func ownerOf(t *testing.T, pid int) owner {
	t.Helper()
	start, alive, err := startOf(pid)
	if !alive || err != nil {
		t.Fatalf("%d does not live: %v", pid, err)
	}
	parts := strings.Split(string(thisProcess()), "-")
	return owner(fmt.Sprintf("%s-%s-%d-%d", parts[0], parts[1], pid, start))
}

// TestMain is this program's other use, too: a process that does nothing.
func TestMain(m *testing.M) {
	if os.Getenv("SLEEP") != "" {
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func sleep(t *testing.T) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SLEEP=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	return c
}

func TestOwners(t *testing.T) {
	living, dead, zombie := sleep(t), sleep(t), sleep(t)
	deadOwner, zombieOwner := ownerOf(t, dead.Process.Pid), ownerOf(t, zombie.Process.Pid)
	_ = dead.Process.Kill()
	_ = dead.Wait()
	_ = zombie.Process.Kill()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, alive, _ := startOf(zombie.Process.Pid); !alive {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it lives")
		}
	}
	self := strings.Split(string(thisProcess()), "-")
	path := folderOf(t)
	s := open(t, path, roomy)
	put(t, s, "a")
	for _, test := range []struct {
		name  string
		owner owner
		since time.Duration // of the last touch
		want  bool          // it is taken for dead
	}{
		{"this process", thisProcess(), 0, false},
		{"this process, long silent", thisProcess(), 24 * time.Hour, false},
		{"a living one", ownerOf(t, living.Process.Pid), 24 * time.Hour, false},
		{"one that has ended", deadOwner, 0, true},
		{"one that was not waited for", zombieOwner, 0, true},
		{"an earlier one of the same id", owner(strings.Join([]string{self[0], self[1], self[2], "1"}, "-")), 0, true},
		{"an impossible id", owner(self[0] + "-" + self[1] + "-99999999999999999999-1"), 0, true},
		{"another machine's", "0123456789abcdef-1-1-1", time.Minute, false},
		{"another machine's, silent", "0123456789abcdef-1-1-1", deadAfter - time.Minute, false},
		{"another machine's, long silent", "0123456789abcdef-1-1-1", deadAfter + time.Minute, true},
		{"another machine's, of tomorrow", "0123456789abcdef-1-1-1", -24 * time.Hour, false},
		{"another container's", owner(self[0] + "-1-" + self[2] + "-" + self[3]), time.Minute, false},
		{"another container's, long silent", owner(self[0] + "-1-" + self[2] + "-" + self[3]), time.Hour, true},
		{"unknown", unknown, time.Minute, false},
		{"unknown, long silent", unknown, time.Hour, true},
	} {
		if !test.owner.valid() {
			t.Errorf("%s: %s is no owner", test.name, test.owner)
		}
		f := listed{file: file{id: newID(), state: held, by: test.owner}, changed: time.Now().Add(-test.since)}
		if got := s.deadOwners([]listed{f})(f); got != test.want {
			t.Errorf("%s: dead %v", test.name, got)
		}
	}
	// And in a folder.
	plant(t, path, file{newID(), held, deadOwner}, frame([]byte("of the dead")))
	plant(t, path, file{newID(), part, deadOwner}, frame([]byte("unfinished")))
	plant(t, path, file{newID(), held, ownerOf(t, living.Process.Pid)}, frame([]byte("of the living")))
	plant(t, path, file{newID(), part, ownerOf(t, living.Process.Pid)}, nil)
	if got := sorted(drain(s)); got != "a of the dead" {
		t.Errorf("delivered %s", got)
	}
	if got := names(t, path); got != "held part" {
		t.Errorf("files %s", got)
	}
}

func TestLimits(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, Limits{Files: 3, Bytes: 1 << 20, Age: time.Hour})
	for _, of := range []string{"a", "b", "c", "d", "e"} {
		put(t, s, strings.Repeat(of, joinedBytes)) // too large to be joined
	}
	shut(s)
	firsts := drain(open(t, path, roomy))
	for i := range firsts {
		firsts[i] = firsts[i][:1]
	}
	if got := sorted(firsts); got != "c d e" {
		t.Errorf("by files: %s", got)
	}
	s = open(t, path, Limits{Files: 100, Bytes: 3 * int64(headerBytes+1), Age: time.Hour})
	put(t, s, "a", "b", "c", "d")
	shut(s)
	s = open(t, path, Limits{Files: 100, Bytes: 2 * int64(headerBytes+1), Age: time.Hour})
	if got := sorted(drain(s)); got != "c d" {
		t.Errorf("by bytes: %s", got)
	}
	put(t, s, strings.Repeat("x", 1000))
	if got := drain(s); len(got) != 1 {
		t.Error("one batch is always kept")
	}
	for i, age := range []time.Duration{2 * time.Hour, 30 * time.Minute, -24 * time.Hour} {
		id := fmt.Sprintf("%016x-%016x", time.Now().Add(-age).UnixNano(), i)
		plant(t, path, file{id: id, state: free}, frame([]byte(age.String())))
		plant(t, path, file{id: id, state: bad}, nil)
	}
	// Tomorrow's are what a clock that was set back a day leaves.
	if got := sorted(drain(open(t, path, roomy))); got != "-24h0m0s 30m0s" || names(t, path) != "bad bad" {
		t.Errorf("by age: %s, files %s", got, names(t, path))
	}
	for i := range 2 * maxBad {
		plant(t, path, file{id: fmt.Sprintf("%016x-%016x", time.Now().UnixNano(), i), state: bad}, nil)
	}
	drain(open(t, path, roomy))
	if got := len(strings.Fields(names(t, path))); got != maxBad {
		t.Errorf("%d files that were set aside", got)
	}
}

// Batches that would make too many files share some, of a size that is good for one
// request, in their order.
func TestManyBatchesShareFiles(t *testing.T) {
	path := folderOf(t)
	limits := Limits{Files: 40, Bytes: 1 << 22, Age: time.Hour}
	s := open(t, path, limits)
	var all []string
	for i := range 300 {
		all = append(all, fmt.Sprintf("%04d", i)+strings.Repeat("x", joinedBytes/16))
	}
	put(t, s, all[:100]...)
	// The newest file is gone, with its batches. It does not come back without them.
	newest := s.batches[s.newest()]
	if err := os.Remove(filepath.Join(path, newest.file.String())); err != nil {
		t.Fatal(err)
	}
	gone := strings.Count(string(newest.Request), "x") / (joinedBytes / 16)
	put(t, s, all[100:]...)
	shut(s)
	files := strings.Fields(names(t, path))
	if len(files) > 10+300/15+2 {
		t.Errorf("%d files", len(files))
	}
	got := drain(open(t, path, limits))
	slices.Sort(got)
	want := strings.Join(slices.Delete(all, 100-gone, 100), "")
	if strings.Join(got, "") != want {
		t.Errorf("%d bytes of %d, or in another order", len(strings.Join(got, "")), len(want))
	}
	for _, request := range got {
		if len(request) > joinedBytes {
			t.Errorf("a request of %d bytes", len(request))
		}
	}
}

// The courier claims a batch to which the writer joins others, before or after that.
func TestABatchIsJoinedOrClaimed(t *testing.T) {
	s := open(t, folderOf(t), Limits{Files: 4, Bytes: 1 << 20, Age: time.Hour})
	const batches = 500
	putAll := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < batches && err == nil; i++ {
			err = s.Put(fmt.Appendf(nil, "%d;", i), nil)
		}
		putAll <- err
	}()
	came := make(map[string]int)
	for done := false; !done || s.HasOwn(); {
		select {
		case err := <-putAll:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		if b := s.Claim(); b != nil {
			for number := range strings.SplitSeq(strings.Trim(string(b.Request), ";"), ";") {
				came[number]++
			}
			s.Delivered(b)
		}
	}
	for number, times := range came {
		if times != 1 {
			t.Errorf("%s came %d times", number, times)
		}
	}
	if len(came) != batches {
		t.Errorf("%d of %d came", len(came), batches)
	}
}

// Contents that are not what the spool has written.
var notOurs = map[string][]byte{
	"empty":         {},
	"a short head":  frame([]byte("request"))[:headerBytes-1],
	"truncated":     frame([]byte("request"))[:headerBytes+3],
	"longer":        append(frame([]byte("request")), 0),
	"damaged":       append(frame([]byte("request"))[:headerBytes], "Request"...),
	"foreign":       []byte("#!/bin/sh\nexit 1\n"),
	"with room":     frameOf(kindWhole, []byte("request"), 1),
	"unheard of":    frameOf('!', []byte("request"), 0),
	"of the future": append([]byte(magic+"\x00\x00\x00\x02"), frame([]byte("request"))[len(magic)+4:]...),
}

func TestRemovedFolder(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	s.Standby("span", []byte("r"))
	put(t, s, "a", "b")
	b := s.Claim()
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	s.Remove(b)
	s.Standby("span", []byte("r"))
	put(t, s, "c")
	if got := sorted(drain(s)); got != "b c" || names(t, path) != "held" {
		t.Errorf("delivered %s, files %s", got, names(t, path))
	}
}

// However many claim at once, each batch is delivered once.
func TestClaimsAreExclusive(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	const batches, processes = 200, 8
	for i := range batches {
		put(t, s, fmt.Sprint(i))
	}
	shut(s)
	var mu sync.Mutex
	came := make(map[string]int)
	var group sync.WaitGroup
	for range processes {
		one := open(t, path, roomy)
		group.Go(func() {
			for _, request := range drain(one) {
				mu.Lock()
				came[request]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for request, times := range came {
		if times != 1 {
			t.Errorf("%s came %d times", request, times)
		}
	}
	if len(came) != batches || names(t, path) != "" {
		t.Errorf("%d came, files %s", len(came), names(t, path))
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := open(t, "", roomy)
	const size = memoryBytes / 4
	for i := range 5 { // the one that goes beyond is still taken
		if err := s.Put(make([]byte, size), nil); err != nil {
			t.Fatal(i, err)
		}
	}
	outcome := make(chan error)
	go func() { outcome <- s.Put([]byte("late"), nil) }()
	select {
	case err := <-outcome:
		t.Fatalf("there was no room, and %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	s.Remove(s.Claim())
	if err := <-outcome; err != nil {
		t.Errorf("there was room, and %v", err)
	}
	go func() { outcome <- s.Put([]byte("too late"), nil) }()
	shut(s)
	if err := <-outcome; err != ErrClosed {
		t.Errorf("closed, and %v", err)
	}
}

func TestWrittenRequestsLeaveMemory(t *testing.T) {
	s := open(t, folderOf(t), Limits{Files: 100, Bytes: 1 << 30, Age: time.Hour})
	for i := range 8 {
		if err := s.Put(append(make([]byte, cachedBytes/2), byte(i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	written(t, s)
	s.mu.Lock()
	if got := s.cached(); got > cachedBytes {
		t.Errorf("%d bytes are kept", got)
	}
	s.mu.Unlock()
	for i := range 8 {
		b := s.Claim()
		if len(b.Request) != cachedBytes/2+1 || b.Request[cachedBytes/2] != byte(i) {
			t.Fatalf("%d: %d bytes", i, len(b.Request))
		}
		s.Remove(b)
	}
}

func TestPauses(t *testing.T) {
	path := folderOf(t)
	s := open(t, path, roomy)
	put(t, s, "a")
	if got := s.Pause(); got != (Pause{}) {
		t.Errorf("a pause from nowhere: %v", got)
	}
	pause := Pause{Failures: 3, ByCollector: true, Start: time.UnixMilli(time.Now().UnixMilli()), Duration: time.Minute}
	s.SetPause(pause)
	if got := open(t, path, roomy).Pause(); got != pause {
		t.Errorf("got %v, want %v", got, pause)
	}
	s.SetPause(Pause{})
	if got := open(t, path, roomy).Pause(); got != (Pause{}) || names(t, path) != "held" {
		t.Errorf("got %v, files %s", got, names(t, path))
	}
	now := time.UnixMilli(1_700_000_000_000)
	for text, want := range map[string]bool{
		"runspan-pause-1 1 false 1700000000000 1000\n":                  true,
		"runspan-pause-1 9 true 1600000000000 3600000\n":                true,
		"runspan-pause-1 1 false 1700000000000 1000":                    false, // cut short
		"runspan-pause-1 1 false 1700086400000 1000\n":                  false, // the clock was set back a day
		"runspan-pause-1 1 false 1700000000000 3600001\n":               false,
		"runspan-pause-1 1 false 1700000000000 -1\n":                    false,
		"runspan-pause-1 0 false 1700000000000 1000\n":                  false,
		"runspan-pause-1 99999999999999999999 false 1700000000000 10\n": false,
		"runspan-pause-2 1 false 1700000000000 1000\n":                  false,
		"runspan-pause-1 1 maybe 1700000000000 1000\n":                  false,
		"": false, "\n": false, "1 2 3 4 5\n": false,
	} {
		if got := parsePause(text, now) != (Pause{}); got != want {
			t.Errorf("%q: a pause: %v", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	id := "0123456789abcdef-0123456789abcdef"
	for name, want := range map[string]bool{
		id + ".otlp":                        true,
		id + ".bad":                         true,
		id + ".0123456789abcdef-1-2-3.held": true,
		id + ".0-0-0-0.part":                true,
		id + ".held":                        false,
		id + ".0-0-0-0.otlp":                false,
		id + ".0-0-0.held":                  false,
		id + ".0-0--0.held":                 false,
		id + ".0-0-0-0.held.otlp":           false,
		id + ".otlp2":                       false,
		id + "." + strings.Repeat("0", 99) + ".otlp": false,
		id[:32] + ".otlp":             false,
		strings.ToUpper(id) + ".otlp": false,
		"../" + id + ".otlp":          false,
		id:                            false,
		"":                            false,
	} {
		f, ok := parseFile(name)
		if ok != want || ok && f.String() != name {
			t.Errorf("%q: %v %v", name, f, ok)
		}
	}
	if f := (file{id: newID()}); time.Since(f.made()) > time.Minute || time.Since(f.made()) < 0 {
		t.Errorf("%s was made %v", f.id, f.made())
	}
}

func FuzzUnframe(f *testing.F) {
	f.Add(frame([]byte("request")))
	f.Add(frameOf(kindStandby, []byte("request"), 9))
	for _, content := range notOurs {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		request, err := unframe(content)
		if err == nil && !isFrameOf(content, request) {
			t.Errorf("%q is taken for %q", content, request)
		}
	})
}

// isFrameOf says whether a file of this content was written for the request.
func isFrameOf(content, request []byte) bool {
	return len(content) >= headerBytes+len(request) &&
		string(frameOf(kind(content[kindAt]), request, len(content)-headerBytes-len(request))) == string(content)
}

// Whatever is in a folder, under whichever name of the spool's, only what was
// framed comes out, and the spool goes on.
func FuzzFolder(f *testing.F) {
	id := newID()
	f.Add(id+".otlp", frame([]byte("request")), "runspan-pause-1 1 false 1 1000\n")
	f.Add(id+".0123456789abcdef-1-2-3.held", []byte("foreign"), "")
	f.Add(id+"."+string(thisProcess())+".part", []byte{}, "runspan-pause-1 1 false 9223372036854775807 1\n")
	f.Add("README", []byte("mine"), "mine")
	f.Fuzz(func(t *testing.T, name string, content []byte, pause string) {
		path := folderOf(t)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if name != filepath.Base(name) || os.WriteFile(filepath.Join(path, name), content, 0o600) != nil {
			t.Skip("no name of a file")
		}
		if os.WriteFile(filepath.Join(path, pauseFile), []byte(pause), 0o600) != nil {
			t.Fatal("no pause")
		}
		s := open(t, path, roomy)
		if got := s.Pause(); got.Duration < 0 || got.Duration > LongestPause || got.Start.After(time.Now().Add(2*time.Second)) {
			t.Errorf("a pause of %v from %v", got.Duration, got.Start)
		}
		if err := s.Put([]byte("own"), nil); err != nil {
			t.Fatal(err)
		}
		written(t, s)
		own := false
		for _, request := range drain(s) {
			switch {
			case request == "own" && !own:
				own = true
			case !isFrameOf(content, []byte(request)):
				t.Errorf("delivered %q", request)
			}
		}
		if !own {
			t.Error("its own batch was lost")
		}
	})
}
