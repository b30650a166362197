// SPDX-License-Identifier: MIT

package privacy_test

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"runspan/tests/host"
)

// These tests need root, for files of /etc, a host name and a name server of its own.

// TestCanaries finds the canaries of StripePy as published where they are known
// to be, and none of runspan's hosts anywhere, but by intent.
func TestCanaries(t *testing.T) {
	rows := make([]string, len(places))
	for i, p := range places {
		rows[i] = "| " + p.title() + " |"
	}
	all := true
	for _, s := range subjects(t) {
		ran := false
		t.Run(s.name, func(t *testing.T) {
			ran = true
			c := newCage(t, s.runspan)
			for _, trip := range s.trips {
				c.run(trip)
			}
			c.addTap(&c.tap, c.collector, c.plain)
			c.control()
			for i, p := range places {
				want := p.published
				if s.runspan {
					want = p.runspan
				}
				rows[i] += " " + c.cell(p, want) + " |"
			}
		})
		all = all && ran
	}
	table := tableHead() + strings.Join(rows, "\n") + "\n"
	t.Logf("\n%s", table)
	if *tablePath != "" && all && !t.Failed() {
		if err := host.WriteTable(*tablePath, "canaries", table); err != nil {
			t.Error(err)
		}
	}
}

// A client and a host that give everything away are found out everywhere.
func TestLeak(t *testing.T) {
	c := newCage(t, true)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.collector.CAPEM())
	certificate, err := tls.X509KeyPair([]byte(c.certificate("certificate")), []byte(c.privateKey()))
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := url.Parse(c.fill(variable{name: "proxy", value: "{proxy}"}))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}}
	defer transport.CloseIdleConnections()
	send := func(to string) {
		var body bytes.Buffer
		zipped := gzip.NewWriter(&body)
		fmt.Fprint(zipped, c.word("body"))
		if err := zipped.Close(); err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequest(http.MethodPost, to, &body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Encoding", "gzip")
		request.SetBasicAuth("user", c.word("head"))
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
	}
	transport.Proxy = http.ProxyURL(proxy)
	send("https://" + destination + ":4319/v1/traces")
	transport.Proxy = nil
	send(c.plain.Endpoint() + "?" + c.word("query"))
	if l, err := net.Dial("tcp", c.elsewhere); err == nil {
		fmt.Fprint(l, c.word("elsewhere"))
		l.Close()
	}
	// A host that leaves everything it sees of its user in files.
	script := `mkdir "$XDG_STATE_HOME/$0" && echo "$1" >"$HOME/new" && ` +
		`getent passwd $(id -u) >>"$HOME/new" && cat /etc/machine-id /etc/hostname >>"$HOME/new" && hostname >>"$HOME/new"; getent hosts "$2.example"; env >>"$HOME/new"`
	c.once(trip{command: func(c *cage, _ string) []string {
		return []string{"sh", "-c", script, c.word("spool"), c.word("file"), c.word("name")}
	}})
	c.addTap(&c.tap, c.collector, c.plain)
	for key, want := range map[string]where{
		"certificate":       inCertificate,
		"proxy":             atProxy,
		"head":              atEndpoint + ", " + inHead,
		"body":              inBody,
		"query":             atEndpoint,
		"elsewhere":         elsewhere,
		"spool":             inSpool,
		"file":              onDisk,
		"name":              atNameServer,
		"host name":         onDisk,
		"`/etc/passwd`":     onDisk,
		"`/etc/hostname`":   onDisk,
		"`/etc/machine-id`": onDisk,
		"TZ":                onDisk,
	} {
		if found := c.find(c.canaries[key][0]); found != want {
			t.Errorf("the canary of %s is %q, want %q", key, found, want)
		}
	}
}
