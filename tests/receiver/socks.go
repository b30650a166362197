// SPDX-License-Identifier: MIT

package receiver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
)

// The numbers of RFC 1928 and RFC 1929.
const (
	socksVersion  = 5
	socksConnect  = 1
	socksNoUser   = 0
	socksUser     = 2
	socksIPv4     = 1
	socksName     = 3
	socksIPv6     = 4
	socksDone     = 0
	socksRefused  = 2 // by the rules
	subnegotiated = 1 // the version of RFC 1929's
)

func (r *Receiver) startSOCKS() error {
	l, err := listen()
	if err != nil {
		return err
	}
	r.socks = r.opt.Tap.listener(TapProxy, l)
	go func() {
		for {
			c, err := r.socks.Accept()
			if err != nil {
				return
			}
			go r.serveSOCKS(c)
		}
	}()
	return nil
}

// serveSOCKS does what serveProxy does. What is no SOCKS 5 is hung up on.
func (r *Receiver) serveSOCKS(c net.Conn) {
	if greet(c) != nil {
		c.Close()
		return
	}
	name, target, err := socksTarget(c)
	if err != nil {
		c.Close()
		return
	}
	r.ask(target)
	if !r.endsTLSFor(name, target) {
		r.refuse(target)
		_, _ = c.Write(socksReply(socksRefused))
		c.Close()
		return
	}
	leaf, err := r.ca.Leaf(name)
	if err != nil {
		r.fail(err)
		c.Close()
		return
	}
	_, _ = c.Write(socksReply(socksDone)) // as in openTunnel
	r.handOver(&tunnel{Conn: c, in: c, target: target}, leaf)
}

// greet takes any user and password, where the client offers one.
func greet(c net.Conn) error {
	head, err := take(c, 2)
	if err != nil || head[0] != socksVersion {
		return errors.Join(err, errors.New("it is no SOCKS 5"))
	}
	methods, err := take(c, int(head[1]))
	if err != nil {
		return err
	}
	if !slices.Contains(methods, socksUser) {
		_, err = c.Write([]byte{socksVersion, socksNoUser})
		return err
	}
	if _, err := c.Write([]byte{socksVersion, socksUser}); err != nil {
		return err
	}
	if _, err := take(c, 1); err != nil { // the version
		return err
	}
	for range 2 { // user, password
		if _, err := takeText(c); err != nil {
			return err
		}
	}
	_, err = c.Write([]byte{subnegotiated, socksDone})
	return err
}

// socksTarget reads what a connection is asked for to: a name, or an address
// where the client has looked for it itself.
func socksTarget(c net.Conn) (name, target string, err error) {
	head, err := take(c, 4)
	if err != nil {
		return "", "", err
	}
	if head[1] != socksConnect {
		return "", "", errors.New("it is no CONNECT")
	}
	switch head[3] {
	case socksName:
		name, err = takeText(c)
	case socksIPv4:
		name, err = takeAddress(c, 4)
	case socksIPv6:
		name, err = takeAddress(c, 16)
	default:
		err = errors.New("there is no such type of address")
	}
	if err != nil {
		return "", "", err
	}
	port, err := take(c, 2)
	if err != nil {
		return "", "", err
	}
	return name, net.JoinHostPort(name, fmt.Sprint(int(port[0])<<8|int(port[1]))), nil
}

func socksReply(code byte) []byte {
	return []byte{socksVersion, code, 0, socksIPv4, 0, 0, 0, 0, 0, 0}
}

func takeAddress(c net.Conn, size int) (string, error) {
	b, err := take(c, size)
	if err != nil {
		return "", err
	}
	address, _ := netip.AddrFromSlice(b)
	return address.String(), nil
}

// takeText reads a text that has its length, of one byte, before it.
func takeText(c net.Conn) (string, error) {
	length, err := take(c, 1)
	if err != nil {
		return "", err
	}
	text, err := take(c, int(length[0]))
	return string(text), err
}

func take(c net.Conn, size int) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(c, b)
	return b, err
}
