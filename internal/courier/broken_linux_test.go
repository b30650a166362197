// SPDX-License-Identifier: MIT

package courier_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"runspan/internal/courier"
)

// The first message of a handshake fits in one segment of TCP, also with the
// longest name.
func TestTheFirstMessageIsSmall(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		sizes := make(chan int, 16)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				header := make([]byte, 5) // RFC 8446, 5.1
				if _, err := io.ReadFull(c, header); err == nil {
					sizes <- len(header) + int(binary.BigEndian.Uint16(header[3:]))
				}
				c.Close()
			}
		}()
		_, port, _ := net.SplitHostPort(l.Addr().String())
		s := start(t, "https://"+host+":"+port, &courier.Network{}, "")
		s.put(t, "a")
		s.flush(5 * time.Second)
		select {
		case size := <-sizes:
			if size > 1100 { // beside the 253 bytes of the longest name
				t.Errorf("%s: it has %d bytes", host, size)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s: no message came", host)
		}
		l.Close()
	}
}
