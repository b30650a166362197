// SPDX-License-Identifier: MIT

package main

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
)

// registry gives out handles. The upper half of each is random for the
// process, so that a number from elsewhere is not taken for a handle.
type registry[T any] struct {
	mu    sync.RWMutex
	next  uint64
	of    map[uint64]T
	taken int // places for what is being made
}

func newRegistry[T any]() *registry[T] {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return &registry[T]{next: uint64(binary.NativeEndian.Uint32(random[:])|1) << 32, of: make(map[uint64]T)}
}

// add makes what a new handle stands for, where there are not limit of them yet.
func (r *registry[T]) add(limit int, create func() (T, error)) (handle uint64, err error) {
	if !r.takePlace(limit) {
		return 0, errTooMany
	}
	defer r.givePlaceBack()
	v, err := create()
	if err != nil {
		return 0, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	r.of[r.next] = v
	return r.next, nil
}

func (r *registry[T]) takePlace(limit int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.of)+r.taken >= limit {
		return false
	}
	r.taken++
	return true
}

func (r *registry[T]) givePlaceBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken--
}

func (r *registry[T]) get(handle uint64) (T, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	v, ok := r.of[handle]
	return v, ok
}

// take removes the handle: of several that take it at once, one gets it.
func (r *registry[T]) take(handle uint64) (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.of[handle]
	delete(r.of, handle)
	return v, ok
}

// removeAll removes what match says.
func (r *registry[T]) removeAll(match func(T) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for handle, v := range r.of {
		if match(v) {
			delete(r.of, handle)
		}
	}
}
