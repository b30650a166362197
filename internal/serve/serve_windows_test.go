// SPDX-License-Identifier: MIT

package serve

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// pair returns the two ends of a stream: the front's and the core's.
func pair(t *testing.T) (ours io.ReadWriteCloser, theirs *os.File) {
	t.Helper()
	name, err := windows.UTF16PtrFromString(`\\.\pipe\runspan-test-` + strings.ReplaceAll(t.TempDir(), `\`, "-"))
	if err != nil {
		t.Fatal(err)
	}
	front, err := windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_FIRST_PIPE_INSTANCE|windows.FILE_FLAG_OVERLAPPED,
		windows.PIPE_TYPE_BYTE|windows.PIPE_REJECT_REMOTE_CLIENTS, 1, 1<<16, 1<<16, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	core, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(front), "a")
	t.Cleanup(func() { _ = f.Close() })
	return f, os.NewFile(uintptr(core), "b")
}

// sendCall sends a call that may wait, and returns the stream of its answer. This process is
// the core's, too.
func sendCall(t *testing.T, to io.Writer, frame []byte) io.Reader {
	t.Helper()
	var ours, theirs windows.Handle
	if err := windows.CreatePipe(&ours, &theirs, nil, 0); err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(ours), "answer")
	t.Cleanup(func() { _ = f.Close() })
	handles := order.AppendUint64(order.AppendUint64(nil, uint64(theirs)), 0)
	if _, err := to.Write(append(append(frame[:callBytes:callBytes], handles...), frame[callBytes:]...)); err != nil {
		t.Fatal(err)
	}
	return f
}

// The end of the pipe is the end of the host.
func TestASpanOfAHostThatEndsIsReportedAsAborted(t *testing.T) {
	f, folder := start(t), t.TempDir()+`\runspan\tool`
	f.open(folder)
	f.begin()
	time.Sleep(50 * time.Millisecond) // it gets a standby
	f.end()
	if all := reports(t, folder); len(all) != 1 || !strings.Contains(all[0], "aborted") {
		t.Errorf("%q", all)
	}
}
