// SPDX-License-Identifier: MIT

package gateway_test

import (
	"flag"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

var seconds = flag.Int("load", 0, "how many seconds TestLoad sends for each kind of request; CI does not")

// load sends reports from so many clients until stop is closed, and returns the
// ids of those that were acknowledged, and how many requests were not.
func (c *collector) load(t testing.TB, clients, spans int, stop <-chan struct{}) (acknowledged map[string]bool, failed int) {
	t.Helper()
	acknowledged = make(map[string]bool)
	var mu sync.Mutex
	var all sync.WaitGroup
	client := c.client()
	for range clients {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := report(spans)
				status, err := c.post(client, encode(t, r))
				mu.Lock()
				if err == nil && status == http.StatusOK {
					for _, s := range spansOf(r) {
						acknowledged[id(s.SpanId)] = true
					}
				} else {
					failed++
				}
				mu.Unlock()
				if err != nil {
					time.Sleep(10 * time.Millisecond) // it is not there
				}
			}
		})
	}
	all.Wait()
	return acknowledged, failed
}

// TestLoad measures the load that the collector can bear. It is not part of CI:
// go test -run TestLoad -load 20 -v
func TestLoad(t *testing.T) {
	duration := max(1, *seconds)
	for _, test := range []struct{ clients, spans int }{{1, 1}, {16, 1}, {64, 1}, {16, 100}} {
		t.Run(fmt.Sprintf("%d clients, %d spans", test.clients, test.spans), func(t *testing.T) {
			if *seconds == 0 && test.clients != 16 {
				return // one second of two of them shows that it works
			}
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
			c.start(t)
			stop := make(chan struct{})
			time.AfterFunc(time.Duration(duration)*time.Second, func() { close(stop) })
			begin := time.Now()
			acknowledged, failed := c.load(t, test.clients, test.spans, stop)
			took := time.Since(begin).Seconds()
			ids, _ := c.files(t)
			for id := range acknowledged {
				if ids[id] != 1 {
					t.Fatal("an acknowledged span is not in the files, once")
				}
			}
			if failed > 0 || len(ids) != len(acknowledged) || len(ids) == 0 {
				t.Errorf("%d of %d kept, %d failed", len(ids), len(acknowledged), failed)
			}
			spans := float64(len(acknowledged))
			t.Logf("%.0f requests/s, %.0f spans/s, none lost of %.0f; %d MB at most",
				spans/float64(test.spans)/took, spans/took, spans, c.memory(t))
		})
	}
}
