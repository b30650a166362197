// SPDX-License-Identifier: MIT

package runtime

import "unsafe"

// The tables of the heap have an entry for each address that the heap may have. For all 48
// bits of an address they take 1.1 GiB of address space, and 33 MiB of writable memory. So
// here the heap may only have addresses from one window of a terabyte: the one that
// contains the memory which memory.c has mapped.

// arenaBaseOffset is the start of the window. In Go it is a constant.
var arenaBaseOffset uintptr

//go:cgo_import_static runspan_heap
//go:linkname runspan_heap runspan_heap
var runspan_heap byte
var heapStart = (*uintptr)(unsafe.Pointer(&runspan_heap))

// placeHeap sets what depends on the window. mallocinit calls it first.
func placeHeap() {
	arenaBaseOffset = *heapStart &^ (1<<heapAddrBits - 1)
	minOffAddr = offAddr{arenaBaseOffset}
	maxOffAddr = offAddr{arenaBaseOffset + 1<<heapAddrBits - 1}
}

// heapHint returns the i-th place to try for the heap. The first is memory.c's. The others
// are for a heap that needs more.
func heapHint(i int) uintptr {
	return *heapStart + uintptr(i)<<32
}
