// SPDX-License-Identifier: MIT

//go:build unix

package serve

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// stream is the socket to the front. A goroutine that reads it blocks its thread, outside
// of Go's poller: the poller would have another thread wake this one, while the host waits
// for its answer.
type stream struct {
	file *os.File
	fd   int
}

// newStream takes the socket over.
func newStream(socket *os.File) (stream, error) {
	if _, err := syscall.Getpeername(int(socket.Fd())); err != nil {
		return stream{}, errors.New("the front's descriptor is no socket")
	}
	return stream{socket, int(socket.Fd())}, nil
}

// Read implements io.Reader.
func (s stream) Read(b []byte) (int, error) {
	n, _, err := s.receive(b, nil)
	return n, err
}

// receive reads bytes, and the descriptors that come with them.
func (s stream) receive(b, rights []byte) (n int, files []*os.File, err error) {
	var length int
	for {
		n, length, _, _, err = syscall.Recvmsg(s.fd, b, rights, 0)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err != nil:
		return 0, nil, err
	case n == 0 && len(b) > 0:
		return 0, nil, io.EOF
	}
	return n, filesOf(rights[:length]), nil
}

// Write implements io.Writer.
func (s stream) Write(b []byte) (int, error) {
	return send(s.fd, b, 0) // this process ignores SIGPIPE
}

// send sends all bytes, and returns how many it has sent.
func send(fd int, b []byte, flags int) (written int, err error) {
	for written < len(b) {
		n, err := syscall.SendmsgN(fd, b[written:], nil, nil, flags)
		if err != nil && err != syscall.EINTR {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}

// end has Read return io.EOF when all bytes that have come are read.
func (s stream) end() { _ = syscall.Shutdown(s.fd, syscall.SHUT_RD) }

func (s stream) close() { _ = s.file.Close() }

// rightsBytes has room for the two descriptors of a call.
var rightsBytes = syscall.CmsgSpace(2 * 4)

func filesOf(rights []byte) (files []*os.File) {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, _ := syscall.ParseUnixRights(&messages[i])
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "front"))
		}
	}
	return files
}
