// SPDX-License-Identifier: MIT

package receiver

import (
	"io"
	"net"
	"sync/atomic"
	"time"
)

// Relay passes TCP on to a target, as if that were far away.
type Relay struct {
	listener net.Listener
	target   string
	oneWay   time.Duration
	accepted atomic.Int64
	bytes    atomic.Int64
}

// NewRelay starts a relay to a target, host:port, that is a round trip away. A
// connection is there at once, as the kernel makes it; its first bytes take the
// round trip of TCP's handshake longer.
func NewRelay(target string, roundTrip time.Duration) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: l, target: target, oneWay: roundTrip / 2}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			go r.serve(c)
		}
	}()
	return r, nil
}

// Address returns host:port.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Accepted returns how many connections have come.
func (r *Relay) Accepted() int { return int(r.accepted.Load()) }

// Sent returns how many bytes clients have sent.
func (r *Relay) Sent() int { return int(r.bytes.Load()) }

// Close ends the relay; connections go on.
func (r *Relay) Close() { r.listener.Close() }

func (r *Relay) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer server.Close()
	time.Sleep(2 * r.oneWay)
	go func() {
		r.pass(server, client, &r.bytes)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	r.pass(client, server, nil)
}

// pass copies what comes, each piece as late as the way is long.
func (r *Relay) pass(to io.Writer, from io.Reader, count *atomic.Int64) {
	type piece struct {
		bytes []byte
		due   time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			bytes := make([]byte, 64<<10)
			n, err := from.Read(bytes)
			if n > 0 {
				if count != nil {
					count.Add(int64(n))
				}
				pieces <- piece{bytes[:n], time.Now().Add(r.oneWay)}
			}
			if err != nil {
				return
			}
		}
	}()
	broken := false
	for p := range pieces {
		if time.Sleep(time.Until(p.due)); !broken {
			_, err := to.Write(p.bytes)
			broken = err != nil
		}
	}
}
