// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"net"
	"sync"
	"time"
)

// firstAnswer is what a name server has for its first answer, where
// resolv.conf's own time is not shorter. The next server is asked then: one that
// is dead would cost 5 s else. Go's resolver comes back to it when all others
// have not answered either, and has as much patience as resolv.conf says.
const firstAnswer = time.Second

// newResolver returns a resolver for one name.
func newResolver() *net.Resolver {
	var mu sync.Mutex
	asked := make(map[string]int)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		udp, ok := conn.(*net.UDPConn)
		if err != nil || !ok {
			return conn, err
		}
		mu.Lock()
		defer mu.Unlock()
		asked[address]++
		if asked[address] > 2 { // for IPv4 and for IPv6 addresses, at once
			return conn, nil
		}
		return impatient{udp}, nil
	}}
}

// impatient is a connection whose deadlines are near. To be asked for datagrams it
// has to be a net.PacketConn.
type impatient struct{ *net.UDPConn }

// SetDeadline implements net.Conn.
func (i impatient) SetDeadline(t time.Time) error {
	if near := time.Now().Add(firstAnswer); t.IsZero() || t.After(near) {
		t = near
	}
	return i.UDPConn.SetDeadline(t)
}
