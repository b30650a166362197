// SPDX-License-Identifier: MIT

package receiver_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"runspan/tests/receiver"
)

func TestProxyTunnel(t *testing.T) {
	const host = "telemetry.example.com"
	tests := []struct {
		name     string
		proxyFor []string
		url      string
		target   string // what CONNECT asks for
		ok       bool
	}{
		{"name", []string{host}, "https://telemetry.example.com/v1/traces", host + ":443", true},
		{"name on any port", []string{host}, "https://telemetry.example.com:4318/v1/traces", host + ":4318", true},
		{"name and port", []string{"x", host + ":4318"}, "https://telemetry.example.com:4318/v1/traces", host + ":4318", true},
		{"case", []string{"Telemetry.Example.COM"}, "https://telemetry.example.com/v1/traces", host + ":443", true},
		{"address", []string{"192.0.2.1"}, "https://192.0.2.1/v1/traces", "192.0.2.1:443", true},
		{"IPv6 address", []string{"2001:db8::1"}, "https://[2001:db8::1]/v1/traces", "[2001:db8::1]:443", true},
		{"other port", []string{host + ":4318"}, "https://telemetry.example.com/v1/traces", host + ":443", false},
		{"other name", []string{host}, "https://example.com/v1/traces", "example.com:443", false},
		{"no name", nil, "https://telemetry.example.com/v1/traces", host + ":443", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := start(t, receiver.Options{ProxyFor: tc.proxyFor})
			resp, err := proxied(t, r).Do(newRequest(t, tc.url, marshal(t, traces("a run"))))
			equal(t, "asked", r.Asked(), []string{tc.target})
			if !tc.ok {
				if err == nil || !strings.Contains(err.Error(), "Bad Gateway") {
					t.Errorf("error is %v, want Bad Gateway", err)
				}
				equal(t, "refused", r.Refused(), []string{tc.target})
				equal(t, "requests", len(r.Requests()), 0)
				return
			}
			must(t, err)
			must(t, resp.Body.Close())
			equal(t, "status", resp.StatusCode, 200)
			equal(t, "refused", len(r.Refused()), 0)
			got := only(t, r.Requests())
			equal(t, "via", got.Via, receiver.ViaProxy)
			equal(t, "host", got.Host, tc.target)
			equal(t, "span", only(t, r.Spans()).GetName(), "a run")
		})
	}
}

// The certificate in the tunnel is for the host of the CONNECT, so a client
// that expects another name must not get through.
func TestProxyTunnelCertificate(t *testing.T) {
	r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
	c := proxied(t, r)
	c.Transport.(*http.Transport).TLSClientConfig.ServerName = "other.example.com"
	_, err := c.Do(newRequest(t, "https://telemetry.example.com/v1/traces", nil))
	if err == nil || !strings.Contains(err.Error(), "valid for telemetry.example.com, not other.example.com") {
		t.Errorf("error is %v", err)
	}
	equal(t, "asked", r.Asked(), []string{"telemetry.example.com:443"})
	equal(t, "requests", len(r.Requests()), 0)
}

// An eager client may send its ClientHello before it has the proxy's answer.
func TestProxyTunnelEagerClient(t *testing.T) {
	r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.ProxyURL(), "http://"))
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	eager := &eagerConn{Conn: conn, head: "CONNECT telemetry.example.com:443 HTTP/1.1\r\nHost: telemetry.example.com:443\r\n\r\n"}
	tc := tls.Client(eager, &tls.Config{RootCAs: pool(t, r.CAPEM()), ServerName: "telemetry.example.com"})
	must(t, tc.Handshake())
}

// eagerConn sends the CONNECT and the first bytes of TLS in one write, and
// takes the proxy's answer off what comes back.
type eagerConn struct {
	net.Conn
	head    string
	skipped bool
}

func (c *eagerConn) Write(p []byte) (int, error) {
	head := c.head
	c.head = ""
	n, err := c.Conn.Write(append([]byte(head), p...))
	return n - len(head), err
}

func (c *eagerConn) Read(p []byte) (int, error) {
	if !c.skipped {
		c.skipped = true
		answer := make([]byte, len("HTTP/1.1 200 Connection established\r\n\r\n"))
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			return 0, err
		}
	}
	return c.Conn.Read(p)
}

// Being in ProxyFor does not help: that is for TLS alone.
func TestProxyRefusesPlainHTTP(t *testing.T) {
	for _, host := range []string{"telemetry.example.com", "telemetry.example.com:80", "example.com"} {
		t.Run(host, func(t *testing.T) {
			r := start(t, receiver.Options{ProxyFor: []string{"telemetry.example.com"}})
			status, _, _ := do(t, proxied(t, r), newRequest(t, "http://"+host+"/v1/traces", nil))
			equal(t, "status", status, 502)
			equal(t, "asked", r.Asked(), []string{host})
			equal(t, "refused", r.Refused(), []string{host})
			equal(t, "requests", len(r.Requests()), 0)
		})
	}
}

// Even a server within reach is not dialled.
func TestProxyDialsNothing(t *testing.T) {
	reachable := start(t, receiver.Options{Plain: true})
	target := strings.TrimSuffix(strings.TrimPrefix(reachable.Endpoint(), "http://"), "/v1/traces")
	for _, scheme := range []string{"http://", "https://"} {
		t.Run(scheme, func(t *testing.T) {
			r := start(t, receiver.Options{})
			resp, err := proxied(t, r).Get(scheme + target)
			if err == nil {
				must(t, resp.Body.Close())
				equal(t, "status", resp.StatusCode, 502)
			}
			equal(t, "refused", r.Refused(), []string{target})
		})
	}
	equal(t, "requests that got through", len(reachable.Requests()), 0)
}
