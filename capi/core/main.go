// SPDX-License-Identifier: MIT

// The core uses two processors. So Go need not read the limits of the control group, at
// the start and then every few seconds.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command core is librunspan-core.so, built with -buildmode=c-shared: the
// functions that capi/front/core.h names, over the packages in internal.
//
// exports.go has the functions: it turns errors into codes, and stops panics. values.go
// turns C values into Go values. handles.go has the clients and spans of the handles.
package main

import (
	"io"
	"log"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"

	_ "runspan/capi/guest"
)

func init() {
	// By default these print to standard error, which is the host's.
	log.SetOutput(io.Discard)
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
}

func main() {}
