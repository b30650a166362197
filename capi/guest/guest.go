// SPDX-License-Identifier: MIT

// Package guest limits the effects of the Go runtime on the process that loads it. Its C
// files replace functions of the C library that the runtime calls for signals, threads
// and memory (flags.sh has the linker's --wrap options). overlay.sh changes lines of the
// runtime itself. limits.h has the limits.
package guest

// #cgo CFLAGS: -I${SRCDIR}/../front -I${SRCDIR}/../../include
// #include <stddef.h>
// #include "limits.h"
import "C"

import (
	"runtime"
	"runtime/debug"
)

func init() {
	runtime.GOMAXPROCS(C.RS_PROCESSORS)
	debug.SetMemoryLimit(C.RS_HEAP_SOFT)
	debug.SetGCPercent(100) // whatever GOGC is
}
