// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"runspan/internal/notify"
)

const (
	// A connection without a request is closed after this time. The collector's gate
	// gives a client a little longer for its first request (collector/scale-out).
	shortHold = 4 * time.Second
	// A connection that took longer than slowConnect to make is held for this time.
	longHold    = 15 * time.Second
	slowConnect = 100 * time.Millisecond
	// An exit waits for a hundredth of the run's time. A run that is longer than
	// longestRun holds no connection, because its exit waits no longer than that of a
	// run of 200 s, which is long enough to make one.
	proportion = 100
	longestRun = 200 * time.Second
)

// link is an http.RoundTripper with one connection at a time. It can make the
// connection before there is a request, which net/http's pool can't. Only one goroutine
// may call its methods, except for state and close.
type link struct {
	transport *http.Transport
	scheme    string
	address   string                                         // host:port
	isTooLate func(roundTrip, handshakes time.Duration) bool // see Courier.isTooLate
	expired   chan struct{}                                  // receives a value when a held connection was closed

	mu          sync.Mutex
	conn        *http.ClientConn
	expiry      time.Time   // when to close conn, by the wall clock, because a laptop may sleep
	timer       *time.Timer // closes conn at its expiry
	closed      bool
	using       bool          // a request is being sent
	connecting  time.Time     // when the connect in progress began; zero: there is none
	dialled     time.Time     // when the name was resolved
	fresh       bool          // the last request made its own connection
	connectTime time.Duration // how long the last connection took to make
	roundTrip   time.Duration // about how long a request over it takes
}

func newLink(to *Destination, transport *http.Transport, isTooLate func(roundTrip, handshakes time.Duration) bool) *link {
	l := &link{transport: transport, scheme: "https", isTooLate: isTooLate, expired: make(chan struct{}, 1)}
	if u, err := url.Parse(to.URL); err == nil { // CheckEndpoint has parsed it before
		port := u.Port()
		if l.scheme = u.Scheme; port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		l.address = net.JoinHostPort(to.host(), port)
	}
	return l
}

// RoundTrip implements http.RoundTripper. It uses the held connection if there is one.
// If that connection is closed, it makes a new one: a collector may close idle
// connections, which is not a failure. The error is errTooLate if it is too late to
// send the request.
func (l *link) RoundTrip(r *http.Request) (*http.Response, error) {
	if conn, roundTrip := l.take(); conn != nil {
		if l.isTooLate(roundTrip, 0) {
			l.hold(conn)
			return nil, errTooLate
		}
		response, err := l.send(conn, r, false)
		if err == nil || r.Context().Err() != nil || r.GetBody == nil {
			return response, err
		}
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = body
	}
	conn, err := l.connect(r.Context())
	if err != nil {
		return nil, err
	}
	return l.send(conn, r, true)
}

func (l *link) send(conn *http.ClientConn, r *http.Request, fresh bool) (*http.Response, error) {
	l.mu.Lock()
	l.fresh, l.using = fresh, true
	l.mu.Unlock()
	defer l.unused()
	response, err := conn.RoundTrip(r)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	l.hold(conn) // it can be used again when the response has been read
	return response, nil
}

func (l *link) unused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.using = false
}

// connectAhead makes a connection and holds it, unless a connection is held already.
func (l *link) connectAhead(ctx context.Context) error {
	conn, _ := l.take()
	if conn == nil {
		var err error
		if conn, err = l.connect(ctx); err != nil {
			return err
		}
	}
	l.hold(conn)
	return nil
}

// take returns the held connection, and about how long a request over it takes. It
// returns nil if there is none, or if it is closed.
func (l *link) take() (conn *http.ClientConn, roundTrip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn = l.conn; conn == nil {
		return nil, 0
	}
	l.conn = nil
	l.timer.Stop()
	if conn.Available() == 0 || time.Now().Round(0).After(l.expiry) {
		_ = conn.Close()
		return nil, 0
	}
	return conn, l.roundTrip
}

// hold holds a connection for the next request.
func (l *link) hold(conn *http.ClientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return
	}
	hold := shortHold
	if l.connectTime > slowConnect {
		hold = longHold
	}
	l.conn, l.expiry = conn, time.Now().Round(0).Add(hold)
	l.timer = time.AfterFunc(hold, func() {
		defer func() { _ = recover() }() // a panic here would end the host
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conn == conn {
			l.conn = nil
			_ = conn.Close()
			notify.Send(l.expired)
		}
	})
}

// close closes the link and its connection.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		l.timer.Stop()
		_ = l.conn.Close()
		l.conn = nil
	}
}

// connect makes a connection. The error is errTooLate if it took so long that it is too
// late to send a request.
func (l *link) connect(ctx context.Context) (*http.ClientConn, error) {
	conn, roundTrip, handshakes, err := l.shakeHands(ctx)
	if err == nil && l.isTooLate(roundTrip, handshakes) {
		_ = conn.Close()
		return nil, errTooLate
	}
	return conn, err
}

// shakeHands makes a connection. It also returns about how long a request over it takes,
// and how long the handshakes took, without the time for resolving the name.
func (l *link) shakeHands(ctx context.Context) (conn *http.ClientConn, roundTrip, handshakes time.Duration, err error) {
	begun := time.Now()
	l.mu.Lock()
	l.connecting, l.dialled = begun, time.Time{}
	l.mu.Unlock()
	conn, err = l.transport.NewClientConn(ctx, l.scheme, l.address)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connecting = time.Time{}
	if err != nil {
		return nil, 0, 0, err
	}
	handshakes = time.Since(l.dialled)
	l.connectTime, l.roundTrip = time.Since(begun), handshakes
	if l.scheme == "https" {
		l.roundTrip /= 2 // one round trip for TCP's handshake, one for TLS's
	}
	return conn, l.roundTrip, handshakes, nil
}

// onDial notes that the name is resolved and that an address is tried.
func (l *link) onDial() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialled.IsZero() {
		l.dialled = time.Now()
	}
}

// isNeeded reports whether a run of that age has to hold a connection, because its exit
// would not wait long enough to make one. An exit's wait is in proportion to the age.
func (l *link) isNeeded(age time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	latency := l.connectTime * 3 / 2
	return l.connectTime > slowConnect && age < min(latency*proportion, longestRun)
}

// fullLatency returns the time of a delivery from a new connection to the response. took
// is the time of the last delivery, whose connection may have been made ahead.
func (l *link) fullLatency(took time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh {
		return took
	}
	return l.connectTime + took
}

// state reports whether there is a connection, and about how long a request over it
// takes. If a connect is in progress, making is its age.
func (l *link) state() (up bool, roundTrip, making time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.connecting.IsZero() {
		return false, 0, time.Since(l.connecting)
	}
	return l.using || l.conn != nil && l.conn.Err() == nil, l.roundTrip, 0
}
