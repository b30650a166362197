// SPDX-License-Identifier: MIT

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"flag"
	"io"
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var slow = flag.Int("slow", 200, "how many slow clients TestSlow has")

// Clients that send a byte now and then hold up nobody, and are cut off.
func TestSlow(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	var connected, cut atomic.Int64
	var all sync.WaitGroup
	for i := range *slow {
		all.Go(func() {
			conn, err := tlsDial(c)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			connected.Add(1)
			start := "POST /v1/traces HTTP/1.1\r\nHost: a\r\n"
			if i%2 == 0 {
				start += "Content-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n"
			}
			if _, err := io.WriteString(conn, start); err != nil {
				t.Error(err)
				return
			}
			for end := time.Now().Add(25 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
				if _, err := io.WriteString(conn, "x"); err != nil {
					cut.Add(1)
					return
				}
			}
		})
	}
	for connected.Load() < int64(*slow) && !t.Failed() {
		time.Sleep(10 * time.Millisecond)
	}
	client, sent := c.client(), 0
	var longest time.Duration
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); sent++ {
		start := time.Now()
		status, err := c.post(client, encode(t, report(1)))
		if err != nil || status != 200 {
			t.Fatalf("meanwhile a report gets %d, %v", status, err)
		}
		longest = max(longest, time.Since(start))
	}
	all.Wait()
	ids, _ := c.files(t)
	if int(cut.Load()) != *slow || len(ids) != sent || sent < 30 {
		t.Errorf("%d of %d were cut off; %d of %d reports kept", cut.Load(), *slow, len(ids), sent)
	}
	if used := c.memory(t); used > memoryMB {
		t.Errorf("it used %d MB", used)
	} else {
		t.Logf("%d slow clients: %d reports in 3 s beside them, the longest took %v; %d MB at most", *slow, sent, longest, used)
	}
}

// Of HTTP/2 a connection carries hundreds of requests, and gzip needs memory for
// each before a byte of it is there: some wait, the others are told to come back.
func TestSlowStreams(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var open, refused atomic.Int64
	var all sync.WaitGroup
	const streams = 4000
	client := c.client()
	client.Transport.(*http.Transport).ForceAttemptHTTP2 = true
	for range streams {
		all.Go(func() {
			body, never := io.Pipe()
			defer never.Close()
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url(), body)
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/x-protobuf")
			request.Header.Set("Content-Encoding", "gzip")
			open.Add(1)
			response, err := client.Do(request)
			if err != nil {
				return
			}
			if response.ProtoMajor == 2 && response.StatusCode == http.StatusServiceUnavailable {
				refused.Add(1)
			}
			_ = response.Body.Close()
		})
	}
	for end := time.Now().Add(30 * time.Second); open.Load() < streams || refused.Load() < streams/8; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d streams, %d refused", open.Load(), streams, refused.Load())
		}
	}
	cancel() // those that were let in would have 10 s
	all.Wait()
	if status, err := c.post(c.client(), encode(t, report(1))); err != nil || status != 200 {
		t.Errorf("then a report gets %d, %v", status, err)
	}
	if used := c.memory(t); used > memoryMB {
		t.Errorf("it used %d MB", used)
	} else {
		t.Logf("%d streams, %d of them refused; %d MB at most", streams, refused.Load(), used)
	}
}

// Who closes its side when it has sent all waits for the answer all the same.
// 200 is an acknowledgement.
func TestHalfClosed(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	acknowledged, later := make(map[string]bool), 0
	for range 32 {
		all.Go(func() {
			for range 20 {
				sent := report(1)
				conn, err := tlsDial(c)
				if err != nil {
					t.Error(err)
					return
				}
				request, err := http.NewRequest(http.MethodPost, c.url(), encode(t, sent))
				must(t, err)
				request.Header.Set("Content-Type", "application/x-protobuf")
				response, err := halfClosed(conn, request)
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case response.StatusCode == http.StatusOK:
					acknowledged[id(spansOf(sent)[0].SpanId)] = true
				case response.StatusCode == http.StatusServiceUnavailable:
					later++
				default:
					t.Error("status", response.StatusCode)
				}
				mu.Unlock()
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	ids, _ := c.files(t)
	lost := maps.Clone(acknowledged)
	for span := range ids {
		delete(lost, span)
	}
	t.Logf("%d acknowledged, %d told to come back", len(acknowledged), later)
	if len(acknowledged) == 0 || len(lost) > 0 {
		t.Errorf("%d of %d acknowledged are in no file", len(lost), len(acknowledged))
	}
}

func halfClosed(conn *tls.Conn, request *http.Request) (*http.Response, error) {
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	if err := conn.CloseWrite(); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(conn), request)
}
