// SPDX-License-Identifier: MIT

// Command relay puts a distance between two ends of loopback: it takes TCP
// connections, hands them on, and delays every byte by half a round trip each
// way. No traffic shaping is needed for it, and no rights.
//
// When it is ready it prints one line of JSON saying where it listens. It stops
// at the end of its standard input, so that it cannot outlive what started it.
//
//	relay -to 127.0.0.1:4318 -rtt 100ms
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

func main() {
	to := flag.String("to", "", "the `address` to hand connections on to (required)")
	rtt := flag.Duration("rtt", 0, "the round trip")
	flag.Parse()
	if *to == "" || *rtt < 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(map[string]string{"address": l.Addr().String()})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
	go serve(l, *to, *rtt)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// serve relays until the listener is closed.
func serve(l net.Listener, to string, rtt time.Duration) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go relay(c.(*net.TCPConn), to, rtt/2)
	}
}

// relay connects the client with the far end until both have said all.
func relay(client *net.TCPConn, to string, delay time.Duration) {
	defer client.Close()
	far, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	both.Go(func() { carry(far.(*net.TCPConn), client, delay) })
	both.Go(func() { carry(client, far.(*net.TCPConn), delay) })
	both.Wait()
}

// piece is what was read at once, or with no bytes the end; and when it is due.
type piece struct {
	bytes []byte
	due   time.Time
}

// carry moves all that from says to the other end, each byte later by the delay,
// and then its end. The queue bounds what is on its way: a reader that is slow
// slows the writer, as it does without a relay.
func carry(to, from *net.TCPConn, delay time.Duration) {
	queue := make(chan piece, 1024)
	go func() {
		defer close(queue)
		for {
			buffer := make([]byte, 1<<16)
			n, err := from.Read(buffer)
			queue <- piece{buffer[:n], time.Now().Add(delay)}
			if err != nil {
				return
			}
		}
	}()
	failed := false
	for p := range queue {
		time.Sleep(time.Until(p.due))
		if len(p.bytes) > 0 && !failed {
			_, err := to.Write(p.bytes)
			failed = err != nil // the reader goes on until its end, or it would stay for ever
		}
		if failed {
			from.Close()
		}
	}
	_ = to.CloseWrite()
}
