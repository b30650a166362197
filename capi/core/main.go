// SPDX-License-Identifier: MIT

// How many processors a control group may use does not matter where the core takes
// two: its files are not looked for when the core is loaded, nor every few seconds.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command core is librunspan-core.so, built with -buildmode=c-shared: the
// functions that capi/front/core.h names, over the packages in internal.
//
// exports.go is the border: it turns errors into codes, and lets no panic out.
// values.go turns C values into Go's. handles.go has what a handle stands for.
package main

import (
	"io"
	"log"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"

	_ "runspan/capi/guest"
)

func init() {
	// All of them print to standard error by default.
	log.SetOutput(io.Discard)
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
}

func main() {}
