// SPDX-License-Identifier: MIT

package receiver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
)

// Layer is where on their way a Tap listens to bytes.
type Layer string

// The layers. What is compressed in a request's body is in Request.Raw.
const (
	TapTCP         Layer = "endpoint"           // connections to the endpoint, as they come
	TapProxy       Layer = "proxy"              // connections to the proxy, as they come
	TapHTTP        Layer = "after TLS"          // what either has ended TLS for
	TapCertificate Layer = "client certificate" // which TLS 1.3 sends encrypted
)

// Tap keeps every byte that clients send, for tests that look for what must not
// be among them. With one, the servers also ask for a client certificate, and
// take any. Its zero value is ready.
type Tap struct {
	mu   sync.Mutex
	seen map[Layer][]*bytes.Buffer // one for each connection
}

// Seen returns what has come in at a layer so far, connection by connection.
func (t *Tap) Seen(at Layer) (all [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.seen[at] {
		all = append(all, bytes.Clone(one.Bytes()))
	}
	return all
}

// begin returns what keeps the bytes of one connection.
func (t *Tap) begin(at Layer) (keep func([]byte)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = make(map[Layer][]*bytes.Buffer)
	}
	one := new(bytes.Buffer)
	t.seen[at] = append(t.seen[at], one)
	return func(b []byte) {
		t.mu.Lock()
		defer t.mu.Unlock()
		one.Write(b)
	}
}

// No Tap, a nil one, leaves what the following are given as it is.

func (t *Tap) listener(at Layer, l net.Listener) net.Listener {
	if t == nil {
		return l
	}
	return &tappedListener{l, t, at}
}

func (t *Tap) conn(at Layer, c net.Conn) net.Conn {
	if t == nil {
		return c
	}
	return &tapped{c, t.begin(at)}
}

// ask has a server ask for a client certificate.
func (t *Tap) ask(config *tls.Config) *tls.Config {
	if t == nil {
		return config
	}
	config.ClientAuth = tls.RequestClientCert
	config.VerifyPeerCertificate = func(chain [][]byte, _ [][]*x509.Certificate) error {
		keep := t.begin(TapCertificate)
		for _, der := range chain {
			keep(der)
		}
		return nil
	}
	return config
}

type tappedListener struct {
	net.Listener
	tap *Tap
	at  Layer
}

func (l *tappedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.tap.conn(l.at, c), nil
}

type tapped struct {
	net.Conn
	keep func([]byte)
}

func (c *tapped) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.keep(p[:n])
	return n, err
}
