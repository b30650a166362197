// SPDX-License-Identifier: MIT

// Command golib is another library in Go, that a host has beside runspan.
package main

import "C"

type thing struct{ n C.int }

var nothing *thing

// guest_recovers reads through a nil pointer, and returns 1 when it has
// recovered from that.
//
//export guest_recovers
func guest_recovers() (n C.int) {
	defer func() {
		if recover() != nil {
			n = 1
		}
	}()
	return nothing.n
}

func main() {}
