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

// Front returns the socket that the front has started this process with.
func Front(string) (*os.File, error) { return os.Stdin, nil }

// newStream takes the socket over.
func newStream(socket *os.File) (stream, error) {
	if _, err := syscall.Getpeername(int(socket.Fd())); err != nil {
		return stream{}, errors.New("the front's descriptor is no socket")
	}
	return stream{socket, int(socket.Fd())}, nil
}

// Read implements io.Reader.
func (s stream) Read(b []byte) (int, error) {
	n, _, err := s.message(b, nil)
	return n, err
}

// receive reads the header of a call, and the descriptors that come with it.
func (s stream) receive(header []byte) ([]*os.File, error) {
	rights := make([]byte, syscall.CmsgSpace(2*4)) // a call has two at most
	n, length, err := s.message(header, rights)
	if err != nil {
		return nil, err
	}
	files := filesOf(rights[:length])
	if _, err := io.ReadFull(s, header[n:]); err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// message reads bytes, and the length of the descriptors that come with them.
func (s stream) message(b, rights []byte) (n, length int, err error) {
	for {
		n, length, _, _, err = syscall.Recvmsg(s.fd, b, rights, 0)
		if err != syscall.EINTR {
			break
		}
	}
	switch {
	case err != nil:
		return 0, 0, err
	case n == 0 && len(b) > 0:
		return 0, 0, io.EOF
	}
	return n, length, nil
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
