// SPDX-License-Identifier: MIT

package gateextension

import (
	"net/url"
	"os"
	"regexp"

	"go.uber.org/zap"
)

// What is here is global: it is for the log of the whole collector, and there as
// soon as this package is in it, whether a gate is configured or not.
//
// The HTTP server logs the address of whoever fails to shake hands, and the
// collector has no switch for that but to log no error at all. Its log goes to
// the path noaddress:stderr, which replaces addresses.
func init() {
	err := zap.RegisterSink("noaddress", func(*url.URL) (zap.Sink, error) { return noAddress{os.Stderr}, nil })
	if err != nil {
		panic(err) // the name is taken: a mistake in how the collector is built
	}
}

// address is an IP address, with a port or without.
var address = regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?|\[[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:%\w+)?\](?::\d+)?`)

type noAddress struct{ to *os.File }

func (n noAddress) Write(line []byte) (int, error) {
	if _, err := n.to.Write(address.ReplaceAll(line, []byte("(address)"))); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (n noAddress) Sync() error { return nil } // it is a pipe or a terminal

func (n noAddress) Close() error { return nil }
