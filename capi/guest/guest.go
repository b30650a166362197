// SPDX-License-Identifier: MIT

// Package guest keeps the Go runtime a good guest of the process that loads it. Its
// C files stand between the runtime and the C library: signals, threads, memory
// (flags.sh has the linker's --wrap for them). overlay.sh changes lines of the
// runtime itself. limits.h has the numbers.
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
