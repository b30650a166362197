// SPDX-License-Identifier: MIT

package courier_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runspan/internal/courier"
	"runspan/tests/receiver"
)

func newCA(t *testing.T) (ca *receiver.CA, file string) {
	t.Helper()
	ca, err := receiver.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, ca.PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return ca, file
}

func pin(t *testing.T, der []byte) [sha256.Size]byte {
	t.Helper()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
}

// TestTransport has servers with real certificates, made here. Where the courier
// does not trust one it sends nothing, not even the line of the request.
func TestTransport(t *testing.T) {
	ca, trusted := newCA(t)
	_, other := newCA(t)
	leaf := func(make func(...string) (tls.Certificate, error), host string) tls.Certificate {
		certificate, err := make(host)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	good := leaf(ca.Leaf, "127.0.0.1")
	authority, _ := pem.Decode(ca.PEM())
	pins := map[string][sha256.Size]byte{
		"leaf":      pin(t, good.Certificate[0]),
		"authority": pin(t, authority.Bytes),
		"other":     sha256.Sum256([]byte("another key")),
	}
	for _, test := range []struct {
		name        string
		certificate tls.Certificate
		newest      uint16 // version of TLS that the server knows
		trust       string
		pins        []string
		want        uint16 // the version; 0: nothing comes
	}{
		{"good", good, tls.VersionTLS13, trusted, nil, tls.VersionTLS13},
		{"TLS 1.2", good, tls.VersionTLS12, trusted, nil, tls.VersionTLS12},
		{"TLS 1.1 only", good, tls.VersionTLS11, trusted, nil, 0},
		{"TLS 1.0 only", good, tls.VersionTLS10, trusted, nil, 0},
		{"expired", leaf(ca.ExpiredLeaf, "127.0.0.1"), tls.VersionTLS13, trusted, nil, 0},
		{"wrong name", leaf(ca.Leaf, "elsewhere.example"), tls.VersionTLS13, trusted, nil, 0},
		{"of another authority", good, tls.VersionTLS13, other, nil, 0},
		{"of none that the system knows", good, tls.VersionTLS13, "", nil, 0},
		{"the leaf is pinned", good, tls.VersionTLS13, trusted, []string{"other", "leaf"}, tls.VersionTLS13},
		{"the authority is pinned", good, tls.VersionTLS12, trusted, []string{"authority"}, tls.VersionTLS12},
		{"another key is pinned", good, tls.VersionTLS13, trusted, []string{"other"}, 0},
		{"pinned, of another authority", good, tls.VersionTLS13, other, []string{"leaf", "authority"}, 0},
		{"pinned, expired", leaf(ca.ExpiredLeaf, "127.0.0.1"), tls.VersionTLS13, trusted, []string{"authority"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &collector{}
			server := httptest.NewUnstartedServer(c)
			server.TLS = &tls.Config{Certificates: []tls.Certificate{test.certificate}, MinVersion: tls.VersionTLS10, MaxVersion: test.newest}
			server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
			server.StartTLS()
			defer server.Close()
			to := courier.Destination{URL: server.URL + "/v1/traces"}
			for _, name := range test.pins {
				to.Pins = append(to.Pins, pins[name])
			}
			s := startTo(t, to, &courier.Network{CertFile: test.trust}, "")
			s.put(t, "a")
			delivered, _ := s.flush(10 * time.Second)
			if delivered != (test.want != 0) || (c.came() == "a") != (test.want != 0) {
				t.Fatalf("delivered %v, came %q", delivered, c.came())
			}
			if delivered && c.requests[0].TLS.Version != test.want {
				t.Errorf("over %s", tls.VersionName(c.requests[0].TLS.Version))
			}
		})
	}
}

// Pins are of the destination's keys: a proxy that is spoken to over TLS needs
// none of them, and does not make good for a destination that has none.
func TestPinsBehindAProxyOverTLS(t *testing.T) {
	ca, trusted := newCA(t)
	serve := func(host string, h http.Handler) (*httptest.Server, [sha256.Size]byte) {
		certificate, err := ca.Leaf(host)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(h)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		t.Cleanup(server.Close)
		return server, pin(t, certificate.Certificate[0])
	}
	for _, test := range []struct {
		host, name string // of the destination: in its URL, and in its certificate
		pinned     string
		want       bool
	}{
		{"collector.example", "collector.example", "destination", true},
		{"collector.example", "collector.example", "proxy", false},
		{"collector.example", "collector.example", "", true},
		{"192.0.2.1", "192.0.2.1", "destination", true},
		{"192.0.2.1", "192.0.2.1", "proxy", false},
		{"bücher.example", "xn--bcher-kva.example", "destination", true},
		{"bücher.example", "xn--bcher-kva.example", "proxy", false},
	} {
		c := &collector{}
		server, own := serve(test.name, c)
		proxy, proxys := serve("127.0.0.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			there, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer there.Close()
			here, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer here.Close()
			_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
			go func() { _, _ = io.Copy(there, buffered) }()
			_, _ = io.Copy(here, there)
		}))
		to := courier.Destination{URL: "https://" + test.host + ":4319/v1/traces"}
		switch test.pinned {
		case "destination":
			to.Pins = append(to.Pins, own)
		case "proxy":
			to.Pins = append(to.Pins, proxys)
		}
		s := startTo(t, to, &courier.Network{CertFile: trusted, Proxy: proxy.URL}, "")
		s.put(t, "a")
		if delivered, _ := s.flush(10 * time.Second); delivered != test.want || (c.came() == "a") != test.want {
			s.mu.Lock()
			t.Errorf("%v: delivered %v, came %q, log %q", test, delivered, c.came(), s.lines)
			s.mu.Unlock()
		}
		s.close()
	}
}
