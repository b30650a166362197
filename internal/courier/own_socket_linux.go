// SPDX-License-Identifier: MIT

package courier

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

var errForeignSocket = errors.New("the host has closed the connection's descriptor")

// ownSocket is a connection that checks its descriptor before each use. The host may
// close the descriptor while the connection is held, as programs do that close all
// descriptors, and then open a file of its own under the same number. ownSocket
// neither reads, writes nor closes such a descriptor.
type ownSocket struct {
	net.Conn
	raw syscall.RawConn
	id  identity
}

// identity identifies the file of a descriptor.
type identity struct{ device, inode uint64 }

func identityOf(fd uintptr) (identity, error) {
	var s syscall.Stat_t
	err := syscall.Fstat(int(fd), &s)
	return identity{s.Dev, s.Ino}, err
}

// guardSocket returns the connection as an ownSocket. If its descriptor can't be
// checked, it returns the connection as it is.
func guardSocket(conn net.Conn) net.Conn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return conn
	}
	o := &ownSocket{Conn: conn, raw: raw}
	controlled := raw.Control(func(fd uintptr) { o.id, err = identityOf(fd) })
	if controlled != nil || err != nil {
		return conn
	}
	return o
}

func (o *ownSocket) isSame(fd uintptr) bool {
	id, err := identityOf(fd)
	return err == nil && id == o.id
}

// Read implements net.Conn.
func (o *ownSocket) Read(b []byte) (n int, err error) {
	n, err = o.use("read", o.raw.Read, func(fd int) (int, error) { return syscall.Read(fd, b) })
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (o *ownSocket) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var wrote int
		// MSG_NOSIGNAL: Go leaves SIGPIPE to the host, as it is a library here.
		wrote, err = o.use("write", o.raw.Write, func(fd int) (int, error) {
			return syscall.SendmsgN(fd, b[n:], nil, nil, syscall.MSG_NOSIGNAL)
		})
		n += wrote
	}
	return n, err
}

// use makes a system call when the descriptor is ready, if it is still the socket.
func (o *ownSocket) use(name string, when func(func(uintptr) bool) error, call func(fd int) (int, error)) (n int, err error) {
	waited := when(func(fd uintptr) bool {
		if !o.isSame(fd) {
			n, err = 0, errForeignSocket
			return true
		}
		for {
			n, err = call(int(fd))
			if err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	})
	if waited != nil {
		return 0, waited
	}
	if err != nil {
		address := o.RemoteAddr()
		return max(n, 0), &net.OpError{Op: name, Net: address.Network(), Addr: address, Err: os.NewSyscallError(name, err)}
	}
	return n, nil
}

// abandoned refers to connections whose descriptor is the host's now. Without a
// reference, Go's finalizer would close the descriptor.
var abandoned struct {
	mu    sync.Mutex
	conns []net.Conn
}

// Close implements net.Conn.
func (o *ownSocket) Close() error {
	mine := true
	if o.raw.Control(func(fd uintptr) { mine = o.isSame(fd) }) == nil && !mine {
		abandoned.mu.Lock()
		abandoned.conns = append(abandoned.conns, o.Conn)
		abandoned.mu.Unlock()
		return o.SetDeadline(time.Unix(1, 0)) // so that a blocked Read returns
	}
	return o.Conn.Close()
}
