// SPDX-License-Identifier: MIT

// The core uses one processor here. So Go need not read the limits of the control group.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command serve is runspan-core where no shared core can be loaded: the core in a process
// of its own, in plain Go (CGO_ENABLED=0). capi/program/runspan-core.c is the same with
// the shared core, and says which arguments it takes. On Windows the first one is the
// handle of the pipe to the front.
package main

import (
	"io"
	"log"
	"os"
	"strconv"

	"runspan/internal/serve"
)

// version is runspan's. build.sh sets it.
var version string

func main() {
	log.SetOutput(io.Discard)
	if len(os.Args) != 3 {
		os.Exit(1)
	}
	front, err := serve.Front(os.Args[1])
	host, err2 := strconv.Atoi(os.Args[2])
	if err != nil || err2 != nil || serve.Run(front, host, version) != nil {
		os.Exit(1)
	}
}
