// SPDX-License-Identifier: MIT

package contract

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
)

// registry maps handles to clients or spans. The upper half of a handle is random for the
// process, so that a number from another source is not a valid handle.
type registry[T any] struct {
	mu       sync.RWMutex
	next     uint64
	items    map[uint64]T
	reserved int // items that are being made
}

func newRegistry[T any]() *registry[T] {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return &registry[T]{next: uint64(binary.NativeEndian.Uint32(random[:])|1) << 32, items: make(map[uint64]T)}
}

// add makes an item with create, and returns its handle. The error is errTooMany if there
// are limit items already.
func (r *registry[T]) add(limit int, create func() (T, error)) (handle uint64, err error) {
	if !r.reserve(limit) {
		return 0, errTooMany
	}
	defer r.release()
	v, err := create()
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	r.items[r.next] = v
	return r.next, nil
}

func (r *registry[T]) reserve(limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.items)+r.reserved >= limit {
		return false
	}
	r.reserved++
	return true
}

func (r *registry[T]) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reserved--
}

func (r *registry[T]) get(handle uint64) (T, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := r.items[handle]
	return v, ok
}

// take removes the handle and returns its item. If several callers take a handle at once,
// one of them gets the item.
func (r *registry[T]) take(handle uint64) (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.items[handle]
	delete(r.items, handle)
	return v, ok
}

// removeAll removes the items for which match returns true.
func (r *registry[T]) removeAll(match func(T) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for handle, v := range r.items {
		if match(v) {
			delete(r.items, handle)
		}
	}
}

// handles returns the handles that are in use.
func (r *registry[T]) handles() []uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Collect(maps.Keys(r.items))
}
