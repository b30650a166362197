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

var errNotOurs = errors.New("the host has closed the connection's descriptor")

// ours is a connection that may be held while the host works. The host may close
// its descriptor, as programs do that close all they find, and have a file of its
// own under the number: so it is looked at before each use, whether it is still
// the socket. What is not is neither read, nor written to, nor closed.
type ours struct {
	net.Conn
	raw syscall.RawConn
	id  identity
}

// identity is which file a descriptor is of.
type identity struct{ device, inode uint64 }

func identityOf(fd uintptr) (identity, error) {
	var s syscall.Stat_t
	err := syscall.Fstat(int(fd), &s)
	return identity{s.Dev, s.Ino}, err
}

// keepOurs returns the connection as ours; as it is where it can't be looked at.
func keepOurs(conn net.Conn) net.Conn {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return conn
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return conn
	}
	o := &ours{Conn: conn, raw: raw}
	controlled := raw.Control(func(fd uintptr) { o.id, err = identityOf(fd) })
	if controlled != nil || err != nil {
		return conn
	}
	return o
}

func (o *ours) is(fd uintptr) bool {
	id, err := identityOf(fd)
	return err == nil && id == o.id
}

// Read implements net.Conn.
func (o *ours) Read(b []byte) (n int, err error) {
	n, err = o.use("read", o.raw.Read, func(fd int) (int, error) { return syscall.Read(fd, b) })
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write implements net.Conn.
func (o *ours) Write(b []byte) (n int, err error) {
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

// use makes a system call when the descriptor is ready for it, and still ours.
func (o *ours) use(name string, when func(func(uintptr) bool) error, call func(fd int) (int, error)) (n int, err error) {
	waited := when(func(fd uintptr) bool {
		if !o.is(fd) {
			n, err = 0, errNotOurs
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

// abandoned has the connections that can't be closed: when nobody refers to one
// any more Go closes its number.
var abandoned struct {
	mu    sync.Mutex
	conns []net.Conn
}

// Close implements net.Conn.
func (o *ours) Close() error {
	mine := true
	if o.raw.Control(func(fd uintptr) { mine = o.is(fd) }) == nil && !mine {
		abandoned.mu.Lock()
		abandoned.conns = append(abandoned.conns, o.Conn)
		abandoned.mu.Unlock()
		return o.SetDeadline(time.Unix(1, 0)) // for who waits in Read
	}
	return o.Conn.Close()
}
