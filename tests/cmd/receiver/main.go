// SPDX-License-Identifier: MIT

// Command receiver runs the OTLP test receiver for tests that are not written
// in Go.
//
// When it is ready it prints one line of JSON saying where it listens and
// where its files are. It stops at the end of its standard input, so that it
// cannot outlive the test that started it, and at SIGTERM or SIGINT.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"runspan/tests/receiver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "receiver:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends or stdin is at its end.
func run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	opt, err := parse(args)
	if err != nil {
		return err
	}
	r, err := receiver.Start(opt)
	if err != nil {
		return err
	}
	if err := announce(stdout, r); err != nil {
		return errors.Join(err, r.Close())
	}
	return errors.Join(wait(ctx, stdin), r.Close())
}

func parse(args []string) (receiver.Options, error) {
	flags := flag.NewFlagSet("receiver", flag.ContinueOnError)
	dir := flags.String("dir", "", "`directory` for ca.pem and requests.jsonl (required)")
	proxyFor := flags.String("proxy-for", "", "comma-separated `hosts` the proxy ends TLS for")
	plain := flags.Bool("plain", false, "serve the endpoint over http")
	lean := flags.Bool("lean", false, "keep the ids of spans, and nothing else of them")
	status := flags.Int("status", http.StatusOK, "HTTP status `code` of every answer")
	delay := flags.Duration("delay", 0, "how long to wait before an answer")
	if err := flags.Parse(args); err != nil {
		return receiver.Options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return receiver.Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case *dir == "":
		return receiver.Options{}, errors.New("-dir is required")
	case *status < 200 || *status > 599:
		return receiver.Options{}, fmt.Errorf("-status %d is not between 200 and 599", *status)
	}
	return receiver.Options{
		Dir:      *dir,
		Plain:    *plain,
		Lean:     *lean,
		ProxyFor: splitHosts(*proxyFor),
		Respond:  respond(*status, *delay),
	}, nil
}

func splitHosts(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}

// respond leaves 200 to the receiver, which knows when a body deserves 400.
func respond(status int, delay time.Duration) func(int, http.ResponseWriter, *http.Request) bool {
	return func(_ int, w http.ResponseWriter, r *http.Request) bool {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
		}
		if status == http.StatusOK {
			return false
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(status)
		return true
	}
}

func announce(stdout io.Writer, r *receiver.Receiver) error {
	return json.NewEncoder(stdout).Encode(struct {
		Endpoint string `json:"endpoint"`
		Proxy    string `json:"proxy"`
		CA       string `json:"ca"`
		Requests string `json:"requests"`
	}{r.Endpoint(), r.ProxyURL(), r.CAFile(), r.RequestsFile()})
}

func wait(ctx context.Context, stdin io.Reader) error {
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stdin)
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return nil
	}
}
