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
	// A connection that waits for a request is closed after this: less than the
	// collector's gate gives a client for its first request (collector/scale-out).
	shortHold = 4 * time.Second
	// One that was long in the making is held for this, where the gate lets it.
	longHold = 15 * time.Second
	// What takes longer to connect to is far.
	far = 100 * time.Millisecond
	// An exit waits for a hundredth of the run's time. A run that is longer than
	// longestRun holds none: the exit's wait does not grow any more.
	proportion = 100
	longestRun = 200 * time.Second
)

// line is the way to the collector: one connection at a time, which can be made
// ahead of the request. net/http's own pool makes none before there is a request.
// One goroutine calls it, but for progress and close.
type line struct {
	transport *http.Transport
	scheme    string
	address   string                                    // host:port
	late      func(trip, handshakes time.Duration) bool // see Courier.late
	over      chan struct{}                             // has one when a connection has waited so long

	mu      sync.Mutex
	conn    *http.ClientConn
	until   time.Time   // conn may wait, by the clock on the wall: a laptop sleeps
	timer   *time.Timer // which closes it then
	closed  bool
	using   bool          // a request is under way
	begun   time.Time     // to connect; zero: that is not going on
	dialled time.Time     // the name was found
	fresh   bool          // the last request's connection was made for it
	took    time.Duration // the last connection that was made
	trip    time.Duration // about what a request takes over it
}

func newLine(to *Destination, transport *http.Transport, late func(trip, handshakes time.Duration) bool) *line {
	l := &line{transport: transport, scheme: "https", late: late, over: make(chan struct{}, 1)}
	if u, err := url.Parse(to.URL); err == nil { // as CheckEndpoint has found
		port := u.Port()
		if l.scheme = u.Scheme; port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		l.address = net.JoinHostPort(to.host(), port)
	}
	return l
}

// RoundTrip implements http.RoundTripper, over the connection that waits, if there
// is one. Where that turns out to be dead the request is sent over a new one: the
// collector may close what is idle, and that is no failure. The error is errLate where
// it is too late to send anything.
func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	if conn, trip := l.take(); conn != nil {
		if l.late(trip, 0) {
			l.keep(conn)
			return nil, errLate
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

func (l *line) send(conn *http.ClientConn, r *http.Request, fresh bool) (*http.Response, error) {
	l.mu.Lock()
	l.fresh, l.using = fresh, true
	l.mu.Unlock()
	defer l.unused()
	response, err := conn.RoundTrip(r)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	l.keep(conn) // which is of use again when the answer has been read
	return response, nil
}

func (l *line) unused() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.using = false
}

// ahead makes a connection that waits, unless there is one.
func (l *line) ahead(ctx context.Context) error {
	conn, _ := l.take()
	if conn == nil {
		var err error
		if conn, err = l.connect(ctx); err != nil {
			return err
		}
	}
	l.keep(conn)
	return nil
}

// take returns the connection that waits, and about how long a request over it
// takes; nil: there is none that lives.
func (l *line) take() (conn *http.ClientConn, trip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if conn = l.conn; conn == nil {
		return nil, 0
	}
	l.conn = nil
	l.timer.Stop()
	if conn.Available() == 0 || time.Now().Round(0).After(l.until) {
		_ = conn.Close()
		return nil, 0
	}
	return conn, l.trip
}

// keep has a connection wait.
func (l *line) keep(conn *http.ClientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
		return
	}
	hold := shortHold
	if l.took > far {
		hold = longHold
	}
	l.conn, l.until = conn, time.Now().Round(0).Add(hold)
	l.timer = time.AfterFunc(hold, func() {
		defer func() { _ = recover() }() // a panic here would end the host
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.conn == conn {
			l.conn = nil
			_ = conn.Close()
			notify.Send(l.over)
		}
	})
}

// close ends the line and its connection.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.conn != nil {
		l.timer.Stop()
		_ = l.conn.Close()
		l.conn = nil
	}
}

// connect makes a connection. The error is errLate where it has taken so long that it is
// too late to send anything.
func (l *line) connect(ctx context.Context) (*http.ClientConn, error) {
	conn, trip, handshakes, err := l.shakeHands(ctx)
	if err == nil && l.late(trip, handshakes) {
		_ = conn.Close()
		return nil, errLate
	}
	return conn, err
}

// shakeHands returns a connection, about how long a request over it takes, and how long
// it has taken to make, but for the name servers' time.
func (l *line) shakeHands(ctx context.Context) (conn *http.ClientConn, trip, handshakes time.Duration, err error) {
	begun := time.Now()
	l.mu.Lock()
	l.begun, l.dialled = begun, time.Time{}
	l.mu.Unlock()
	conn, err = l.transport.NewClientConn(ctx, l.scheme, l.address)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun = time.Time{}
	if err != nil {
		return nil, 0, 0, err
	}
	handshakes = time.Since(l.dialled)
	l.took, l.trip = time.Since(begun), handshakes
	if l.scheme == "https" {
		l.trip /= 2 // TCP's handshake, and that of TLS
	}
	return conn, l.trip, handshakes, nil
}

// dials is told when a name has been found and its addresses are tried.
func (l *line) dials() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dialled.IsZero() {
		l.dialled = time.Now()
	}
}

// isNeeded says whether a connection has to be held for a run of that age: because
// the time of an exit is too short to make one. It is in proportion to the age.
func (l *line) isNeeded(age time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	whole := l.took * 3 / 2
	return l.took > far && age < min(whole*proportion, longestRun)
}

// lastDelivery returns how long a delivery takes from a new connection to the
// answer, after one that took so long. The connection may have been made ahead.
func (l *line) lastDelivery(took time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fresh {
		return took
	}
	return l.took + took
}

// progress says whether a connection waits or is in use, and what a request over
// it takes; else how long one has been in the making.
func (l *line) progress() (up bool, trip, making time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun.IsZero() {
		return false, 0, time.Since(l.begun)
	}
	return l.using || l.conn != nil && l.conn.Err() == nil, l.trip, 0
}
