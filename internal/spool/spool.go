// SPDX-License-Identifier: MIT

// Package spool keeps batches between the end of their spans and their
// delivery.
package spool

import "sync"

// Batch is one OTLP ExportTraceServiceRequest, encoded, and where it is kept.
type Batch struct {
	Request []byte
}

// Store keeps batches, oldest first. Its methods may be called from several
// goroutines.
type Store interface {
	// Put keeps a request. The store owns it from then on.
	Put(request []byte) error
	// Claim takes the oldest batch that nobody has claimed, for delivery.
	// There may be none.
	Claim() (*Batch, bool)
	// Remove ends a claim: the batch is delivered, or will never be.
	Remove(*Batch)
	// Return ends a claim: the batch is the oldest again.
	Return(*Batch)
}

// memoryBytes is how much a Memory holds: some 100,000 spans of 20 attributes.
const memoryBytes = 64 << 20

// Memory is a Store that lasts as long as the process. When it is full, the
// oldest batch makes room.
type Memory struct {
	mu      sync.Mutex
	batches []*Batch
	bytes   int
	lost    int
}

// Put implements Store.
func (m *Memory) Put(request []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, &Batch{Request: request})
	m.bytes += len(request)
	for m.bytes > memoryBytes && len(m.batches) > 1 {
		m.takeOldest()
		m.lost++
	}
	return nil
}

// Claim implements Store.
func (m *Memory) Claim() (*Batch, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.batches) == 0 {
		return nil, false
	}
	return m.takeOldest(), true
}

// Remove implements Store. A claimed batch is not held any more.
func (m *Memory) Remove(*Batch) {}

// Return implements Store.
func (m *Memory) Return(b *Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append([]*Batch{b}, m.batches...)
	m.bytes += len(b.Request)
}

// Lost returns how many batches had to make room.
func (m *Memory) Lost() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

func (m *Memory) takeOldest() *Batch {
	b := m.batches[0]
	m.batches[0] = nil
	m.batches = m.batches[1:]
	m.bytes -= len(b.Request)
	return b
}
