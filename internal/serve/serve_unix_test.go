// SPDX-License-Identifier: MIT

//go:build unix

package serve

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pair returns the two ends of a stream: the front's and the core's.
func pair(t *testing.T) (ours io.ReadWriteCloser, theirs *os.File) {
	t.Helper()
	a, theirs := sockets(t)
	return a, theirs
}

func sockets(t *testing.T) (*net.UnixConn, *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "a")
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "b")
}

// sendCall sends a call that may wait, and returns the stream of its answer.
func sendCall(t *testing.T, to io.Writer, frame []byte) io.Reader {
	t.Helper()
	ours, theirs := sockets(t)
	if _, _, err := to.(*net.UnixConn).WriteMsgUnix(frame, syscall.UnixRights(int(theirs.Fd())), nil); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	return ours
}

func TestASpanOfAHostThatEndsIsReportedAsAborted(t *testing.T) {
	host := exec.Command("sleep", "100")
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	f, folder := startBeside(t, host.Process.Pid), t.TempDir()+"/runspan/tool"
	f.open(folder)
	f.begin()
	_ = host.Process.Kill()
	_ = host.Wait()
	f.end()
	if all := reports(t, folder); len(all) != 1 || !strings.Contains(all[0], "aborted") {
		t.Errorf("%q", all)
	}
}

// The end of the stream alone is an exec: the standby stays, in the host's name, for the
// next run; or the program that the host executes removes it, if it opens the service.
func TestASpanOfAHostThatGoesOnIsLeftToIt(t *testing.T) {
	f, folder := start(t), t.TempDir()+"/runspan/tool"
	f.open(folder)
	f.begin()
	time.Sleep(200 * time.Millisecond) // it gets a standby
	f.end()
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 || !strings.Contains(files[0].Name(), fmt.Sprintf("-%d-", os.Getpid())) || !strings.HasSuffix(files[0].Name(), "-0.held") {
		t.Fatalf("%v, %v", files, err)
	}
	next := start(t)
	next.open(folder)
	next.wait(callClose, 1, order.AppendUint32(nil, 0))
	next.end()
	if all := reports(t, folder); len(all) != 0 {
		t.Errorf("%q", all)
	}
}

// A child that the host has forked may hold the socket as well.
func TestTheEndOfTheHostEndsItThoughTheSocketIsOpen(t *testing.T) {
	host := exec.Command("sleep", "100")
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	c, theirs := pair(t)
	ended := make(chan error, 1)
	go func() { ended <- Run(theirs, host.Process.Pid, "1") }()
	go func() { _, _ = io.Copy(io.Discard, c) }()
	select {
	case <-ended:
		t.Fatal("it ends before the host")
	case <-time.After(100 * time.Millisecond):
	}
	_ = host.Process.Kill()
	_ = host.Wait()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

// A front sends whole calls. Whatever else comes ends the process, and nothing but it.
func FuzzFrames(f *testing.F) {
	f.Add(frame(callState, 1, nil))
	f.Add(frame(callSet, 2, attribute("k", 1)))
	f.Add(frame(callOpen, 0, bytes.Repeat([]byte{0xff}, 64)))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0})
	f.Fuzz(func(t *testing.T, sent []byte) {
		c, theirs := pair(t)
		ended := make(chan error, 1)
		go func() { ended <- Run(theirs, os.Getpid(), "1") }()
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = c.Write(sent)
		_ = c.(*net.UnixConn).CloseWrite()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
	})
}
