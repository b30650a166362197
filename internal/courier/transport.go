// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fallbackDelay is the time after which the collector's IPv4 address is tried as well as
// its IPv6 address. Some networks drop all IPv6 packets.
const fallbackDelay = 50 * time.Millisecond

// Network has the host's variables about the network. The front reads them, because a Go
// library sees the environment as it was when the library was loaded.
type Network struct {
	Proxy          string // a URL, or host:port; empty: none
	ProxyVariable  string // the name of the variable with the proxy
	NoProxy        string // destinations without a proxy, separated by commas
	CertFile       string // a PEM file that replaces the system's certificates; so do the next three
	CertDir        string // folders of PEM files, separated by colons
	RequestsBundle string // a file or a folder, if the two above give no certificate
	CurlBundle     string // the same, if RequestsBundle gives none either
}

// Destination is the endpoint that requests are sent to.
type Destination struct {
	URL string
	// Pins are SHA-256 hashes of public keys. The chain of certificates must have one
	// of these keys. No pins: any valid chain will do.
	Pins [][sha256.Size]byte
}

// host returns the host's name in ASCII, as net/http does.
func (d *Destination) host() string {
	u, err := url.Parse(d.URL)
	if err != nil {
		return ""
	}
	return toASCII(u.Hostname())
}

var errPin = errors.New("no certificate has a public key that the schema pins")

// checkPins returns an error if no certificate in the verified chains has a pinned key.
func (d *Destination) checkPins(chains [][]*x509.Certificate) error {
	if len(d.Pins) == 0 {
		return nil
	}
	for _, certificate := range slices.Concat(chains...) {
		if slices.Contains(d.Pins, sha256.Sum256(certificate.RawSubjectPublicKeyInfo)) {
			return nil
		}
	}
	return errPin
}

// ErrEndpoint says that an endpoint is neither https nor http to loopback.
var ErrEndpoint = errors.New("the endpoint is neither https nor http to a loopback address")

// CheckEndpoint returns ErrEndpoint for a URL that spans may not be sent to.
func CheckEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Hostname() == "" {
		return ErrEndpoint
	}
	if u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()) {
		return nil
	}
	return ErrEndpoint
}

// isLoopback accepts addresses, and the one name that RFC 6761 reserves. The meaning of
// any other name depends on a resolver.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// newTransport returns a transport to the destination, through the proxy if proxy is not
// nil. It calls onDial before each connect.
func newTransport(to *Destination, proxy *url.URL, roots *x509.CertPool, onDial func()) *http.Transport {
	host := to.host()
	overTLS := proxy != nil && proxy.Scheme == "https"
	return &http.Transport{
		Proxy:       http.ProxyURL(proxy),
		DialContext: dialer(host, onDial),
		TLSClientConfig: &tls.Config{
			RootCAs:    roots,
			MinVersion: tls.VersionTLS12,
			// X25519MLKEM768 is left out: with its key the first message is larger than
			// a TCP segment, which some middleboxes drop.
			CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
			VerifyConnection: func(c tls.ConnectionState) error {
				// A proxy over TLS has its handshake first, and this function sees it
				// too. Its certificate is not for host, and needs no pin. crypto/tls has
				// verified that the destination's certificate is for host.
				if overTLS && c.PeerCertificates[0].VerifyHostname(host) != nil {
					return nil
				}
				return to.checkPins(c.VerifiedChains)
			},
		},
		DisableCompression:     true, // responses are short
		MaxResponseHeaderBytes: 16 << 10,
	}
}

// dialer returns a function that connects. It adds a final dot to the destination's name
// if the name has a dot. Without it, a resolver that does not find the name would ask for
// it in the search domains of the user's network, whose operators would learn the
// destination. A proxy's name may be in a search domain, so it gets no dot. dialer calls
// onDial when the name is resolved.
func dialer(destination string, onDial func()) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if _, notIP := netip.ParseAddr(host); err == nil && notIP != nil && host == destination && strings.Contains(host, ".") {
			address = net.JoinHostPort(strings.TrimSuffix(host, ".")+".", port)
		}
		d := net.Dialer{Timeout: attemptTimeout, FallbackDelay: fallbackDelay, Resolver: newResolver()}
		d.Control = func(string, string, syscall.RawConn) error {
			onDial()
			return nil
		}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return guardSocket(conn), nil
	}
}
