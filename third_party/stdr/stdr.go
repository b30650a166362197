// SPDX-License-Identifier: MIT

// Package stdr declares what OpenTelemetry needs to compile. It logs nothing:
// third_party/README.md.
package stdr

import "github.com/go-logr/logr"

// StdLogger is what a log.Logger has.
type StdLogger interface {
	Output(calldepth int, logline string) error
}

// New returns a logger that writes nothing.
func New(StdLogger) logr.Logger { return logr.Discard() }
