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

	"golang.org/x/net/idna"
)

// fallbackDelay is what a collector's IPv6 address has before its IPv4 address is
// tried as well: a route that swallows packets is no more to be waited for.
const fallbackDelay = 50 * time.Millisecond

// Network is what the host's environment says about reaching the network. It
// is passed in because a Go library sees the environment of when it was
// loaded, not what the host has set since.
type Network struct {
	Proxy          string // a URL, or host:port; empty: none
	ProxyVariable  string // the name of the variable that has it
	NoProxy        string // where there is none for, separated by commas
	CertFile       string // PEM; instead of the system's, as what follows
	CertDir        string // folders of PEM files, separated by colons
	RequestsBundle string // a file or a folder, where the two above give none
	CurlBundle     string // the same, where that gives none either
}

// Destination is where requests are posted to.
type Destination struct {
	URL string
	// Pins are the SHA-256 hashes of public keys, of which the chain of
	// certificates has to have one; none: any that is valid will do.
	Pins [][sha256.Size]byte
}

// host returns the name, in ASCII, as net/http has it.
func (d *Destination) host() string {
	u, err := url.Parse(d.URL)
	if err != nil {
		return ""
	}
	if ascii, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
		return ascii
	}
	return u.Hostname()
}

var errPin = errors.New("no certificate has a public key that the schema pins")

// checkPins looks at the chains that were verified.
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

// Only addresses, and the one name that RFC 6761 reserves: a resolver decides
// what any other name is.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// newTransport returns a way to the destination, through a proxy where that is not
// nil. dials is called before each try to connect.
func newTransport(to *Destination, proxy *url.URL, roots *x509.CertPool, dials func()) *http.Transport {
	host := to.host()
	overTLS := proxy != nil && proxy.Scheme == "https"
	return &http.Transport{
		Proxy:       http.ProxyURL(proxy),
		DialContext: dialer(host, dials),
		TLSClientConfig: &tls.Config{
			RootCAs:    roots,
			MinVersion: tls.VersionTLS12,
			// Without X25519MLKEM768: with its key the first message is larger than a
			// segment of TCP, which some boxes on the way do not let through.
			CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384},
			VerifyConnection: func(c tls.ConnectionState) error {
				// A proxy that is spoken to over TLS has its handshake first, here too.
				// In its own, the destination's certificate has been found to be for host.
				if overTLS && c.PeerCertificates[0].VerifyHostname(host) != nil {
					return nil
				}
				return to.checkPins(c.VerifiedChains)
			},
		},
		DisableCompression:     true, // no response of ours is worth unpacking
		MaxResponseHeaderBytes: 16 << 10,
	}
}

// dialer connects. The destination's name, where it has a dot, is a whole one:
// without a dot at its end a resolver that does not know it would go on to ask
// for it below the domains of the user's network, which tells who runs those
// about the destination. A proxy's name may well be below them. dials is called when
// the name has been found.
func dialer(destination string, dials func()) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, port, err := net.SplitHostPort(address)
		if _, notIP := netip.ParseAddr(host); err == nil && notIP != nil && host == destination && strings.Contains(host, ".") {
			address = net.JoinHostPort(strings.TrimSuffix(host, ".")+".", port)
		}
		d := net.Dialer{Timeout: attemptTimeout, FallbackDelay: fallbackDelay, Resolver: newResolver()}
		d.Control = func(string, string, syscall.RawConn) error {
			dials()
			return nil
		}
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return keepOurs(conn), nil
	}
}
