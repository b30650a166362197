// SPDX-License-Identifier: MIT

package spool

import "testing"

func TestMemoryIsAQueue(t *testing.T) {
	var m Memory
	if _, ok := m.Claim(); ok {
		t.Fatal("claimed from an empty store")
	}
	for _, r := range []string{"a", "b", "c"} {
		if err := m.Put([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	claim := func(want string) *Batch {
		t.Helper()
		b, ok := m.Claim()
		if !ok || string(b.Request) != want {
			t.Fatalf("claimed %v, want %s", b, want)
		}
		return b
	}
	m.Remove(claim("a"))
	m.Return(claim("b"))
	m.Remove(claim("b"))
	m.Remove(claim("c"))
	if _, ok := m.Claim(); ok || m.bytes != 0 {
		t.Errorf("%d bytes are left", m.bytes)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m Memory
	const size = memoryBytes / 4
	for i := range 6 {
		if err := m.Put(append(make([]byte, size-1), byte(i))); err != nil {
			t.Fatal(err)
		}
	}
	b, ok := m.Claim()
	if !ok || b.Request[size-1] != 2 || m.Lost() != 2 {
		t.Errorf("lost %d, and the oldest is %v", m.Lost(), ok)
	}
	if err := m.Put(make([]byte, memoryBytes+1)); err != nil || len(m.batches) != 1 {
		t.Errorf("a batch larger than the bound: %d are left", len(m.batches))
	}
}
