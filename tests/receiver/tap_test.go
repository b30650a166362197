// SPDX-License-Identifier: MIT

package receiver_test

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"runspan/tests/receiver"
)

// Each layer has what came in there, and no other has it.
func TestTapSeesEachLayer(t *testing.T) {
	const host = "telemetry.example.com"
	ca, err := receiver.NewCA()
	must(t, err)
	mine, err := ca.Leaf("client.example.com")
	must(t, err)
	tests := []struct {
		name   string
		plain  bool
		proxy  bool
		layers map[receiver.Layer]string // and what they have, among other things
	}{
		{name: "https", layers: map[receiver.Layer]string{
			receiver.TapTCP:         "", // ciphertext
			receiver.TapHTTP:        "X-Mark: here",
			receiver.TapCertificate: "client.example.com",
		}},
		{name: "http", plain: true, layers: map[receiver.Layer]string{receiver.TapTCP: "X-Mark: here"}},
		{name: "proxy", proxy: true, layers: map[receiver.Layer]string{
			receiver.TapProxy:       "CONNECT " + host,
			receiver.TapHTTP:        "X-Mark: here",
			receiver.TapCertificate: "client.example.com",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tap := &receiver.Tap{}
			r := start(t, receiver.Options{Tap: tap, Plain: test.plain, ProxyFor: []string{host}})
			c, to := client(t, r), r.Endpoint()
			if test.proxy {
				c, to = proxied(t, r), "https://"+host+"/v1/traces"
			}
			c.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{mine}
			body := marshal(t, traces("a run"))
			hr := newRequest(t, to, body)
			hr.Header.Set("X-Mark", "here")
			status, _, _ := do(t, c, hr)
			equal(t, "status", status, 200)
			for _, layer := range []receiver.Layer{receiver.TapTCP, receiver.TapProxy, receiver.TapHTTP, receiver.TapCertificate} {
				want, there := test.layers[layer]
				if !there {
					equal(t, string(layer), len(tap.Seen(layer)), 0)
					continue
				}
				got := only(t, tap.Seen(layer))
				if len(got) == 0 || !strings.Contains(string(got), want) {
					t.Errorf("%s has %q, not %q", layer, got, want)
				}
				equal(t, string(layer)+" has the body", bytes.HasSuffix(got, body), want == "X-Mark: here")
			}
		})
	}
}
