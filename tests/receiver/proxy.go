// SPDX-License-Identifier: MIT

package receiver

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// serveProxy refuses plain-http requests to any host: telemetry goes over
// https, so one that arrives here in the clear is a fault to be seen.
func (r *Receiver) serveProxy(w http.ResponseWriter, hr *http.Request) {
	target := hr.Host
	r.ask(target)
	name, _, err := net.SplitHostPort(target)
	if hr.Method != http.MethodConnect || err != nil || !r.endsTLSFor(name, target) {
		r.refuse(target)
		http.Error(w, "refused: this proxy never leaves the machine", http.StatusBadGateway)
		return
	}
	leaf, err := r.ca.Leaf(name)
	if err != nil {
		r.fail(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	r.fail(r.openTunnel(w, leaf, target))
}

func (r *Receiver) endsTLSFor(name, target string) bool {
	return slices.ContainsFunc(r.opt.ProxyFor, func(host string) bool {
		return strings.EqualFold(host, name) || strings.EqualFold(host, target)
	})
}

// openTunnel answers the CONNECT and passes the connection on to the server of
// r.tunnels, which takes the TLS handshake from there.
func (r *Receiver) openTunnel(w http.ResponseWriter, leaf tls.Certificate, target string) error {
	conn, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	// A client gone by now shows itself to the server as a failed handshake.
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	r.handOver(&tunnel{Conn: conn, in: buf, target: target}, leaf)
	return nil
}

func (r *Receiver) handOver(t *tunnel, leaf tls.Certificate) {
	r.tunnels.hand(r.opt.Tap.conn(TapHTTP, tls.Server(t, r.opt.Tap.ask(serverTLS(leaf)))))
}

// tunnel is the client's side of an open CONNECT. It reads through what the
// proxy has read by, which may already hold the start of the handshake.
type tunnel struct {
	net.Conn
	in     io.Reader
	target string
}

func (t *tunnel) Read(p []byte) (int, error) {
	return t.in.Read(p)
}

type targetKey struct{}

// withTarget lets the handler know what host the tunnel was opened to; the
// Host header inside the tunnel need not say the same.
func withTarget(ctx context.Context, c net.Conn) context.Context {
	if tap, ok := c.(*tapped); ok {
		c = tap.Conn
	}
	t := c.(*tls.Conn).NetConn().(*tunnel)
	return context.WithValue(ctx, targetKey{}, t.target)
}

func targetOf(ctx context.Context) (string, bool) {
	target, ok := ctx.Value(targetKey{}).(string)
	return target, ok
}

// tunnelListener gives connections that are already open to an http.Server,
// which only takes them from a listener.
type tunnelListener struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func newTunnelListener() *tunnelListener {
	return &tunnelListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *tunnelListener) hand(c net.Conn) {
	select {
	case l.conns <- c:
	case <-l.done:
		c.Close()
	}
}

func (l *tunnelListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *tunnelListener) Close() error {
	l.close.Do(func() { close(l.done) })
	return nil
}

func (l *tunnelListener) Addr() net.Addr {
	return &net.UnixAddr{Name: "tunnels", Net: "unix"}
}
