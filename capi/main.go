// SPDX-License-Identifier: MIT

// How many processors a control group may use does not matter to maxProcs: its
// files are not looked for when the core is loaded, nor every few seconds after.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command capi is librunspan-core.so, built with -buildmode=c-shared: the
// functions that capi/front/core.h names, over the packages in internal.
//
// exports.go is the border: it turns C values into Go's and errors into codes,
// and lets no panic out. client.go holds what a handle stands for.
package main

import (
	"io"
	"log"
	"runtime"
	"runtime/debug"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
)

// A guest does not take the house. The core's work is small; these bound what
// its runtime may add to it.
const (
	maxProcs    = 2
	memoryLimit = 48 << 20 // bytes, soft: memory.c has reserved 64 MB
)

func init() {
	runtime.GOMAXPROCS(maxProcs)
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(100) // whatever GOGC is
	// All of them print to standard error by default.
	log.SetOutput(io.Discard)
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
}

func main() {}
