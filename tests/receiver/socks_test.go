// SPDX-License-Identifier: MIT

package receiver_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"runspan/tests/receiver"
)

func TestSOCKS(t *testing.T) {
	const host = "telemetry.example.com"
	for _, test := range []struct {
		name   string
		user   *url.Userinfo
		url    string
		target string
		ok     bool
	}{
		{"name", nil, "https://telemetry.example.com:4319/v1/traces", host + ":4319", true},
		{"user", url.UserPassword("alice", "100%sure"), "https://telemetry.example.com/v1/traces", host + ":443", true},
		{"address", nil, "https://192.0.2.1/v1/traces", "192.0.2.1:443", true},
		{"IPv6 address", nil, "https://[2001:db8::1]/v1/traces", "[2001:db8::1]:443", true},
		{"other name", nil, "https://example.com/v1/traces", "example.com:443", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			tap := &receiver.Tap{}
			r := start(t, receiver.Options{Tap: tap, ProxyFor: []string{host, "192.0.2.1", "2001:db8::1"}})
			c := client(t, r)
			c.Transport.(*http.Transport).Proxy = http.ProxyURL(&url.URL{Scheme: "socks5h", User: test.user, Host: r.SOCKSAddress()})
			resp, err := c.Do(newRequest(t, test.url, marshal(t, traces("a run"))))
			equal(t, "asked", r.Asked(), []string{test.target})
			if !test.ok {
				if err == nil || !strings.Contains(err.Error(), "not allowed") {
					t.Errorf("error is %v", err)
				}
				equal(t, "refused", r.Refused(), []string{test.target})
				return
			}
			must(t, err)
			must(t, resp.Body.Close())
			equal(t, "via", only(t, r.Requests()).Via, receiver.ViaProxy)
			equal(t, "span", only(t, r.Spans()).GetName(), "a run")
			said := string(only(t, tap.Seen(receiver.TapProxy)))
			equal(t, "password seen", strings.Contains(said, "\x05alice\x08100%sure"), test.user != nil)
		})
	}
}

// A client that speaks another protocol is disconnected, and nothing is recorded.
func TestSOCKSNonsense(t *testing.T) {
	r := start(t, receiver.Options{})
	for _, said := range []string{"GET / HTTP/1.1\r\n\r\n", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00", "\x05\x01\x00\x05\x02\x00\x01", "\x05\x01\x00\x05\x01\x00\x07"} {
		conn, err := net.Dial("tcp", r.SOCKSAddress())
		must(t, err)
		_, err = conn.Write([]byte(said))
		must(t, err)
		for b := make([]byte, 16); err == nil; _, err = conn.Read(b) {
		}
		must(t, conn.Close())
	}
	equal(t, "asked", len(r.Asked()), 0)
}
