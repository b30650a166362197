// SPDX-License-Identifier: MIT

package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/windows"
)

// stream is the pipe to the front. Its handle is synchronous: a read blocks its thread,
// outside of Go's poller, and a write would wait for it. So one goroutine does both.
type stream struct {
	file   *os.File
	handle windows.Handle
}

// Front returns the pipe that the front has started this process with. The argument is
// its handle, in decimal.
func Front(argument string) (*os.File, error) {
	handle, err := strconv.ParseUint(argument, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the front's handle: %w", err)
	}
	return os.NewFile(uintptr(handle), "front"), nil
}

// newStream takes the pipe over.
func newStream(pipe *os.File) (stream, error) {
	handle := windows.Handle(pipe.Fd())
	if kind, err := windows.GetFileType(handle); err != nil || kind != windows.FILE_TYPE_PIPE {
		return stream{}, errors.New("the front's handle is no pipe")
	}
	return stream{pipe, handle}, nil
}

// Read implements io.Reader. The end of the front's side is io.EOF.
func (s stream) Read(b []byte) (int, error) {
	for {
		var n uint32
		switch err := windows.ReadFile(s.handle, b, &n, nil); {
		case errors.Is(err, windows.ERROR_BROKEN_PIPE):
			return 0, io.EOF
		case err != nil:
			return 0, err
		case n > 0 || len(b) == 0: // a write of no bytes ends a read, too
			return int(n), nil
		}
	}
}

// handlesBytes is the size of the two handles that follow the header of a call that may
// wait: that of the pipe for its answer, and that of a command's output, or 0. The front
// has made both this process's own.
const handlesBytes = 2 * 8

// receive reads the header of a call, and the files that come with it.
func (s stream) receive(header []byte) (files []*os.File, err error) {
	if _, err := io.ReadFull(s, header); err != nil {
		return nil, err
	}
	switch order.Uint32(header[4:]) {
	case callOpen, callFlush, callClose, callCommand:
	default:
		return nil, nil
	}
	var handles [handlesBytes]byte
	if _, err := io.ReadFull(s, handles[:]); err != nil {
		return nil, err
	}
	for b := handles[:]; len(b) > 0; b = b[8:] {
		if handle := order.Uint64(b); handle != 0 {
			files = append(files, os.NewFile(uintptr(handle), "front"))
		}
	}
	return files, nil
}

// Write implements io.Writer.
func (s stream) Write(b []byte) (written int, err error) {
	for written < len(b) && err == nil {
		var n uint32
		err = windows.WriteFile(s.handle, b[written:], &n, nil)
		written += int(n)
	}
	return written, err
}

// end does nothing: see watch.
func (s stream) end() {}

func (s stream) close() { _ = s.file.Close() }
