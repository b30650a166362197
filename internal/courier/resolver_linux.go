// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"net"
	"sync"
	"time"
)

// firstTimeout is the timeout of the first query to a name server, unless the one in
// resolv.conf is shorter. Then Go's resolver asks the next server; a server that is
// down would cost 5 s otherwise. If no server answers, the resolver comes back to the
// first, with the timeout of resolv.conf.
const firstTimeout = time.Second

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
		if asked[address] > 2 { // two queries go out at once: for IPv4 and for IPv6 addresses
			return conn, nil
		}
		return hasty{udp}, nil
	}}
}

// hasty is a connection with short deadlines. It has to be a net.PacketConn, because the
// resolver uses datagrams only then.
type hasty struct{ *net.UDPConn }

// SetDeadline implements net.Conn.
func (i hasty) SetDeadline(t time.Time) error {
	if near := time.Now().Add(firstTimeout); t.IsZero() || t.After(near) {
		t = near
	}
	return i.UDPConn.SetDeadline(t)
}
