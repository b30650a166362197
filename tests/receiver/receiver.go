// SPDX-License-Identifier: MIT

// Package receiver is an OTLP/HTTP trace receiver on loopback, for tests.
//
// A telemetry library is only shown to work when something that is not the
// library reads what it sent. This package is that something: it takes real
// connections with real TLS, decodes the protobuf with the published OTLP
// types, and keeps everything it saw for the test to look at.
//
// A Receiver is three listeners on 127.0.0.1:
//
//   - the endpoint, which serves POST /v1/traces the way a collector does;
//
//   - an HTTP CONNECT proxy. A library usually has a fixed endpoint such as
//     https://telemetry.example.com, which no test may contact. For the hosts
//     in Options.ProxyFor the proxy plays that endpoint: it ends TLS with a
//     certificate for the name that was asked for and hands the request to the
//     same handler. Everything else it refuses and records. It has no code to
//     dial out, so nothing a test does can leave the machine;
//
//   - a SOCKS 5 proxy, which does the same.
//
// All use certificates from a CA made by Start, so a client has to be given
// that CA (CAFile, CAPEM) and its verification of certificates stays switched
// on and tested.
//
// A Go test starts one with Start; tests in other languages run the command in
// tests/cmd/receiver, which is a thin layer over this package.
package receiver

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// tracesPath is the only path served; OTLP/HTTP gives it this name.
const tracesPath = "/v1/traces"

// Options say how a Receiver behaves. The zero value is a TLS endpoint that
// keeps its records in memory and whose proxy refuses every host.
type Options struct {
	// Dir receives ca.pem and requests.jsonl; it is created when missing. When
	// empty, no file is written.
	Dir string

	// Respond, when set, may answer a request in place of the receiver, and
	// returns whether it did. n counts requests from 1, so inside the hook the
	// request is Requests()[n-1]; its body has been read already. The request
	// stays recorded whatever the hook does. It is called concurrently.
	Respond func(n int, w http.ResponseWriter, r *http.Request) bool

	// Lean keeps no more of a request that is understood than the ids of its
	// spans, for clients that send many.
	Lean bool

	// Plain serves the endpoint over http instead of https. The proxy still
	// ends TLS for ProxyFor.
	Plain bool

	// ProxyFor lists the hosts, "name:port" or "name" for any port, for which
	// the proxy ends TLS itself.
	ProxyFor []string

	// Tap, when set, is given every byte that clients send.
	Tap *Tap
}

// Receiver is a running receiver. Its methods may be called concurrently.
type Receiver struct {
	journal

	opt      Options
	ca       *CA
	endpoint net.Listener
	proxy    net.Listener
	socks    net.Listener
	tunnels  *tunnelListener
	servers  []*http.Server
}

// Start makes a CA, writes the files asked for and begins to listen. The
// caller must Close the Receiver.
func Start(opt Options) (*Receiver, error) {
	ca, err := NewCA()
	if err != nil {
		return nil, err
	}
	r := &Receiver{opt: opt, ca: ca, tunnels: newTunnelListener()}
	for _, step := range []func() error{r.openFiles, r.startEndpoint, r.startProxy, r.startSOCKS} {
		if err := step(); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return r, nil
}

func (r *Receiver) openFiles() error {
	if r.opt.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(r.opt.Dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(r.CAFile(), r.ca.PEM(), 0o644); err != nil {
		return err
	}
	return r.open(r.RequestsFile())
}

func (r *Receiver) startEndpoint() error {
	leaf, err := r.ca.Leaf("127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	if r.endpoint, err = listen(); err != nil {
		return err
	}
	r.endpoint = r.opt.Tap.listener(TapTCP, r.endpoint)
	if !r.opt.Plain {
		r.endpoint = r.opt.Tap.listener(TapHTTP, tls.NewListener(r.endpoint, r.opt.Tap.ask(serverTLS(leaf))))
	}
	r.serve(r.endpoint, &http.Server{Handler: http.HandlerFunc(r.collect)})
	return nil
}

func (r *Receiver) startProxy() error {
	var err error
	if r.proxy, err = listen(); err != nil {
		return err
	}
	r.proxy = r.opt.Tap.listener(TapProxy, r.proxy)
	r.serve(r.tunnels, &http.Server{Handler: http.HandlerFunc(r.collect), ConnContext: withTarget})
	r.serve(r.proxy, &http.Server{Handler: http.HandlerFunc(r.serveProxy)})
	return nil
}

func listen() (net.Listener, error) {
	return net.Listen("tcp", "127.0.0.1:0")
}

func (r *Receiver) serve(l net.Listener, s *http.Server) {
	r.servers = append(r.servers, s)
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.fail(err)
		}
	}()
}

// Endpoint is the URL traces are posted to.
func (r *Receiver) Endpoint() string {
	scheme := "https://"
	if r.opt.Plain {
		scheme = "http://"
	}
	return scheme + r.endpoint.Addr().String() + tracesPath
}

// ProxyURL is the URL of the CONNECT proxy, as HTTPS_PROXY takes it.
func (r *Receiver) ProxyURL() string {
	return "http://" + r.proxy.Addr().String()
}

// SOCKSAddress is the address of the SOCKS proxy, for URLs of socks5 and socks5h.
func (r *Receiver) SOCKSAddress() string {
	return r.socks.Addr().String()
}

// CAPEM is the certificate of the CA in PEM.
func (r *Receiver) CAPEM() []byte {
	return r.ca.PEM()
}

// CAFile is the path of the file holding CAPEM, empty without Options.Dir.
func (r *Receiver) CAFile() string {
	return r.file("ca.pem")
}

// RequestsFile is the path of the file with one line of JSON for each request,
// empty without Options.Dir.
func (r *Receiver) RequestsFile() string {
	return r.file("requests.jsonl")
}

func (r *Receiver) file(name string) string {
	if r.opt.Dir == "" {
		return ""
	}
	return filepath.Join(r.opt.Dir, name)
}

// Close stops listening and cuts open connections at once. It does not wait
// for a Respond hook that is still running: such a hook may be waiting for the
// very test that calls Close. It returns what went wrong while running, such
// as a failure to write requests.jsonl. The records stay readable.
func (r *Receiver) Close() error {
	for _, s := range r.servers {
		r.fail(s.Close())
	}
	if r.socks != nil {
		if err := r.socks.Close(); !errors.Is(err, net.ErrClosed) {
			r.fail(err)
		}
	}
	return r.closeFile()
}
