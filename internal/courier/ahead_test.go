// SPDX-License-Identifier: MIT

package courier_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"runspan/internal/courier"
	"runspan/internal/spool"
	"runspan/tests/receiver"
)

// farAway is a collector over TLS that is a round trip away.
func farAway(t *testing.T, c http.Handler, roundTrip time.Duration) (endpoint string, network *courier.Network, relay *receiver.Relay) {
	t.Helper()
	server := httptest.NewUnstartedServer(c)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are given up
	server.StartTLS()
	t.Cleanup(server.Close)
	relay, err := receiver.NewRelay(server.Listener.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	return "https://" + relay.Address() + "/v1/traces", &courier.Network{CertFile: certificateOf(t, server)}, relay
}

func isRunning() bool { return true }

func (s *sender) finish(timeout time.Duration) (delivered bool, took time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	begun := time.Now()
	return s.Finish(ctx, 0), time.Since(begun)
}

// With a connection ahead an exit costs one round trip.
func TestAnExitCostsOneRoundTrip(t *testing.T) {
	for _, roundTrip := range []time.Duration{0, 20, 50, 100, 160, 250} {
		roundTrip *= time.Millisecond
		best := time.Hour
		for range 3 { // the machine may be busy
			c := &collector{}
			endpoint, network, relay := farAway(t, c, roundTrip)
			s := start(t, endpoint, network, "")
			s.Expect(isRunning)
			time.Sleep(2*roundTrip + 200*time.Millisecond)
			s.put(t, "a")
			delivered, took := s.finish(2 * time.Second)
			s.close()
			if !delivered || c.came() != "a" || relay.Accepted() != 1 {
				t.Fatalf("%v: delivered %v, came %q over %d connections", roundTrip, delivered, c.came(), relay.Accepted())
			}
			best = min(best, took)
		}
		if best < roundTrip-10*time.Millisecond || best > roundTrip+15*time.Millisecond {
			t.Errorf("%v: it waits %v", roundTrip, best)
		}
	}
}

// No connection is made ahead where none is expected to be of use, and nothing is
// sent over one that is.
func TestConnectAhead(t *testing.T) {
	for _, test := range []struct {
		name    string
		expects bool
		paused  bool
		proxy   string
		want    int
	}{
		{"no long span", false, false, "", 0},
		{"a long span", true, false, "", 1},
		{"a long span in a pause", true, true, "", 0},
		{"a proxy that can't be used", true, false, "http://proxy:port", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var connections, requests atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					connections.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			folder := filepath.Join(t.TempDir(), "service")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			if test.paused {
				spool.Open(folder, spool.Limits{}, anything, func(string) {}).SetPause(spool.Pause{Failures: 1, ByCollector: true, Start: time.Now(), Duration: time.Hour})
			}
			endpoint, network := server.URL, &courier.Network{Proxy: test.proxy}
			if test.proxy != "" {
				endpoint = "https://collector.invalid/" // to which a proxy would be used
			}
			s := start(t, endpoint, network, folder)
			if test.expects {
				s.Expect(isRunning)
			}
			time.Sleep(300 * time.Millisecond)
			if got := int(connections.Load()); got != test.want || requests.Load() != 0 {
				t.Errorf("%d connections, %d requests", got, requests.Load())
			}
		})
	}
}

// A connection that the collector has closed, or whose end is not seen until it is
// used, is made anew, and counts as no failure.
func TestHeldConnectionIsClosed(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(net.Conn)
	}{
		{"closed", func(c net.Conn) { c.Close() }},
		{"reset", func(c net.Conn) { reset(c); c.Close() }},
		{"reset when it is used", func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1))
			reset(c)
			c.Close()
		}},
	} {
		c := &collector{}
		server := httptest.NewServer(c)
		defer server.Close()
		target := server.Listener.Addr().String()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var connections atomic.Int32
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if connections.Add(1) == 1 {
					go test.end(conn)
					continue
				}
				there, err := net.Dial("tcp", target)
				if err != nil {
					conn.Close()
					continue
				}
				go func() { _, _ = io.Copy(there, conn) }()
				go func() { _, _ = io.Copy(conn, there) }()
			}
		}()
		folder := filepath.Join(t.TempDir(), "service")
		s := start(t, "http://"+l.Addr().String(), &courier.Network{}, folder)
		s.Expect(isRunning)
		eventually(t, "connection", func() bool { return connections.Load() == 1 })
		time.Sleep(50 * time.Millisecond)
		s.put(t, "a")
		if delivered, _ := s.finish(5 * time.Second); !delivered || c.came() != "a" || connections.Load() != 2 {
			t.Errorf("%s: delivered %v, came %q, %d connections", test.name, delivered, c.came(), connections.Load())
		}
		if pause := spool.ReadPause(folder); pause != (spool.Pause{}) {
			t.Errorf("%s: it counts as a failure: %v", test.name, pause)
		}
	}
}

func reset(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }

// A held connection is closed after a while; the one to a collector that is far is
// held longer, and made anew while the run goes on.
func TestHowLongAConnectionIsHeld(t *testing.T) {
	for _, test := range []struct {
		name        string
		roundTrip   time.Duration
		isRunning   bool
		at5s, at17s int // open at this time
		accepted    int
	}{
		{"near", 0, true, 0, 0, 1},
		{"far", 100 * time.Millisecond, true, 1, 1, 2},
		{"far, and the run is over", 100 * time.Millisecond, false, 1, 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var open atomic.Int32
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				switch state {
				case http.StateNew:
					open.Add(1)
				case http.StateClosed:
					open.Add(-1)
				}
			}
			server.StartTLS()
			defer server.Close()
			relay, err := receiver.NewRelay(server.Listener.Addr().String(), test.roundTrip)
			if err != nil {
				t.Fatal(err)
			}
			defer relay.Close()
			begun := time.Now()
			s := start(t, "https://"+relay.Address(), &courier.Network{CertFile: certificateOf(t, server)}, "")
			s.Expect(func() bool { return test.isRunning })
			time.Sleep(5*time.Second - time.Since(begun))
			if got := int(open.Load()); got != test.at5s {
				t.Errorf("%d are open after 5 s", got)
			}
			time.Sleep(17*time.Second - time.Since(begun))
			if got := int(open.Load()); got != test.at17s || relay.Accepted() != test.accepted {
				t.Errorf("%d are open after 17 s, of %d", got, relay.Accepted())
			}
		})
	}
}
