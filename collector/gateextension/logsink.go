// SPDX-License-Identifier: MIT

package gateextension

import (
	"net/url"
	"os"
	"regexp"

	"go.uber.org/zap"
)

// This function is global: it changes the log of the whole collector as soon as this
// package is part of it, even if no gate is configured.
//
// net/http logs the address of a client whose TLS handshake fails. The collector's only
// switch against that is to log no error at all. So the collector logs to the path
// noaddress:stderr, which replaces addresses.
func init() {
	err := zap.RegisterSink("noaddress", func(*url.URL) (zap.Sink, error) { return noAddress{os.Stderr}, nil })
	if err != nil {
		panic(err) // another package of the collector has registered this name
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

func (n noAddress) Sync() error { return nil } // a pipe or a terminal needs no sync

func (n noAddress) Close() error { return nil }
