// SPDX-License-Identifier: MIT

package gateextension

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// window is the time in which requests are counted together.
const window = time.Minute

// clients counts requests by client, and stores no address. A client is a place in a
// table; a hash with a random key chooses the place. Key and counts are thrown away each
// minute. Sometimes two clients share a place, and then the limit is for both together
// in that minute. The table does not grow.
type clients struct {
	limit uint32

	mu     sync.Mutex
	key    maphash.Seed
	counts [1 << 16]uint32
	ends   time.Time
	now    func() time.Time
}

func newClients(limit int) *clients {
	return &clients{limit: uint32(limit), now: time.Now}
}

// admit counts a request and reports whether the client may send it. A client is an IPv4
// address, or the first 64 bits of an IPv6 address, because a site has all addresses that
// begin with them.
func (c *clients) admit(address string) bool {
	if c.limit == 0 {
		return true
	}
	client := netip.Prefix{}
	if with, err := netip.ParseAddrPort(address); err == nil {
		bits := 32
		ip := with.Addr().Unmap()
		if ip.Is6() {
			bits = 64
		}
		client, _ = ip.WithZone("").Prefix(bits) // no error: the address has that many bits
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); !now.Before(c.ends) {
		c.key, c.ends = maphash.MakeSeed(), now.Add(window)
		clear(c.counts[:])
	}
	place := &c.counts[maphash.Comparable(c.key, client)%uint64(len(c.counts))]
	if *place >= c.limit {
		return false
	}
	*place++
	return true
}
