// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// ready is the line the command prints.
type ready struct{ Endpoint, Proxy, CA, Requests string }

func TestRun(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		url    string // what is posted to, the endpoint when empty
		scheme string
		status int
		via    string
		delay  time.Duration
	}{
		{name: "default", scheme: "https", status: 200, via: "direct"},
		{name: "plain", args: []string{"-plain"}, scheme: "http", status: 200, via: "direct"},
		{name: "lean", args: []string{"-lean"}, scheme: "https", status: 200, via: "direct"},
		{name: "status", args: []string{"-status", "503"}, scheme: "https", status: 503, via: "direct"},
		{name: "delay", args: []string{"-delay", "100ms"}, scheme: "https", status: 200, via: "direct", delay: 100 * time.Millisecond},
		{name: "proxy", args: []string{"-proxy-for", "a.example.com, b.example.com:443"},
			url: "https://b.example.com/v1/traces", scheme: "https", status: 200, via: "proxy"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "new")
			line, stop := launch(t, append(tc.args, "-dir", dir)...)
			endpoint, err := url.Parse(line.Endpoint)
			must(t, err)
			if endpoint.Scheme != tc.scheme || endpoint.Path != "/v1/traces" {
				t.Errorf("endpoint is %s", line.Endpoint)
			}
			if line.CA != filepath.Join(dir, "ca.pem") || line.Requests != filepath.Join(dir, "requests.jsonl") {
				t.Errorf("files are %s and %s", line.CA, line.Requests)
			}

			began := time.Now()
			to := line.Endpoint
			if tc.url != "" {
				to = tc.url
			}
			resp, err := client(t, line, tc.via == "proxy").Post(to, "application/x-protobuf", nil)
			must(t, err)
			must(t, resp.Body.Close())
			if resp.StatusCode != tc.status {
				t.Errorf("status is %d, want %d", resp.StatusCode, tc.status)
			}
			if took := time.Since(began); took < tc.delay {
				t.Errorf("answered after %v", took)
			}

			b, err := os.ReadFile(line.Requests)
			must(t, err)
			var record struct{ Via string }
			must(t, json.Unmarshal(b, &record))
			if record.Via != tc.via {
				t.Errorf("via is %q, want %q", record.Via, tc.via)
			}
			must(t, stop())
		})
	}
}

func TestRunStopsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stdin, in := io.Pipe()
	defer in.Close()
	var stdout bytes.Buffer
	must(t, run(ctx, []string{"-dir", t.TempDir()}, stdin, &stdout))
	if n := strings.Count(stdout.String(), "\n"); n != 1 {
		t.Errorf("%d lines on standard output: %s", n, stdout.String())
	}
}

func TestRunRejects(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	tests := []struct {
		args []string
		want string
	}{
		{nil, "-dir is required"},
		{[]string{"-dir", "x", "-status", "99"}, "-status 99"},
		{[]string{"-dir", "x", "y"}, `"y"`},
		{[]string{"-dir", file}, "not a directory"},
	}
	for _, tc := range tests {
		t.Run(tc.want, func(t *testing.T) {
			var stdout bytes.Buffer
			err := run(t.Context(), tc.args, strings.NewReader(""), &stdout)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("it printed %s", stdout.String())
			}
		})
	}
}

// launch starts run and waits until it is ready; stop ends its standard input
// and returns its error.
func launch(t *testing.T, args ...string) (line ready, stop func() error) {
	t.Helper()
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(t.Context(), args, stdin, stdout)
		stdout.CloseWithError(err)
		ended <- err
	}()
	text, err := bufio.NewReader(out).ReadBytes('\n')
	must(t, err)
	must(t, json.Unmarshal(text, &line))
	return line, func() error {
		in.Close()
		return <-ended
	}
}

func client(t *testing.T, line ready, throughProxy bool) *http.Client {
	t.Helper()
	ca, err := os.ReadFile(line.CA)
	must(t, err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	if throughProxy {
		proxy, err := url.Parse(line.Proxy)
		must(t, err)
		transport.Proxy = http.ProxyURL(proxy)
	}
	return &http.Client{Transport: transport, Timeout: 30 * time.Second}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
