// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// TestRelay sends bytes there and back, over many connections at once: they come
// in order, whole, and not before the round trip is over.
func TestRelay(t *testing.T) {
	for _, rtt := range []time.Duration{0, 60 * time.Millisecond} {
		t.Run(rtt.String(), func(t *testing.T) {
			address := start(t, rtt)
			var all sync.WaitGroup
			for i := range 32 {
				all.Go(func() { echo(t, address, rtt, i*5000+1) })
			}
			all.Wait()
		})
	}
}

// start runs a server that says back what it hears, and a relay before it.
func start(t *testing.T, rtt time.Duration) (address string) {
	far, near := listen(t), listen(t)
	go func() {
		for {
			c, err := far.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	go serve(near, far.Addr().String(), rtt)
	return near.Addr().String()
}

func listen(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func echo(t *testing.T, address string, rtt time.Duration, size int) {
	said := make([]byte, size)
	for i := range said {
		said[i] = byte(rand.Int())
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	begun := time.Now()
	go func() {
		_, _ = c.Write(said)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		t.Error(err)
		return
	}
	if took := time.Since(begun); took < rtt {
		t.Errorf("the first byte was back after %v", took)
	}
	rest, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(append(first, rest...), said) {
		t.Errorf("%d bytes came back of %d: %v", 1+len(rest), size, err)
	}
}

// TestRelayOfNothing has the client's connection end where the far end does not
// exist, or has gone.
func TestRelayOfNothing(t *testing.T) {
	gone := listen(t)
	gone.Close()
	near := listen(t)
	go serve(near, gone.Addr().String(), 0)
	c, err := net.Dial("tcp", near.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || isTimeout(err) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
