// SPDX-License-Identifier: MIT

package gateway_test

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// newVendor is a vendor that takes reports when up is true, and says before that it is busy.
func newVendor(t *testing.T) (vendor *receiver.Receiver, up *atomic.Bool) {
	t.Helper()
	up = new(atomic.Bool)
	vendor, err := receiver.Start(receiver.Options{Plain: true, Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if up.Load() {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}})
	must(t, err)
	t.Cleanup(func() { _ = vendor.Close() })
	return vendor, up
}

// The second output: with a vendor that is down, nothing is refused; what waits
// outlives an end and a kill, and goes to the vendor when it is back.
func TestVendor(t *testing.T) {
	vendor, up := newVendor(t)
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0", "RUNSPAN_VENDOR="+strings.TrimSuffix(vendor.Endpoint(), "/v1/traces"))
	c.writeKey(t, "vendor.key", "secret-key")
	config := host.Root + "/collector/config/vendor.yaml"
	c.start(t, config)
	stop := make(chan struct{})
	time.AfterFunc(time.Second, func() { close(stop) })
	acknowledged, failed := c.load(t, 4, 1, stop)
	if len(acknowledged) < 50 || failed > 0 {
		t.Fatalf("%d acknowledged, %d failed", len(acknowledged), failed)
	}
	if ids, _ := c.files(t); len(ids) != len(acknowledged) {
		t.Errorf("%d in the files", len(ids))
	}
	must(t, c.stop(t, syscall.SIGTERM))
	c.start(t, config)
	if err := c.stop(t, syscall.SIGKILL); err == nil {
		t.Error("a killed one ended well")
	}
	up.Store(true)
	c.start(t, config)
	missing := maps.Clone(acknowledged)
	for end := time.Now().Add(20 * time.Second); len(missing) > 0 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, s := range vendor.Spans() {
			delete(missing, id(s.SpanId))
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d are not at the vendor's, after %d requests", len(missing), len(acknowledged), len(vendor.Requests()))
	}
	for _, request := range vendor.Requests() {
		if key := request.Header.Get("X-Honeycomb-Team"); key != "secret-key" {
			t.Errorf("a request has the key %q", key)
		}
	}
	if strings.Contains(c.log.String(), "secret-key") {
		t.Error("the key is in the log")
	}
}

// A damaged queue does not keep the collector from starting: it is set aside, and the vendor gets the reports after that.
func TestVendorsQueueIsDamaged(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut in half": func(b []byte) []byte { return b[:len(b)/2] },
		"zeros":       func(b []byte) []byte { clear(b); return b },
		"broken pages": func(b []byte) []byte {
			for i := 8192; i < len(b); i++ {
				b[i] ^= byte(i)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			vendor, up := newVendor(t)
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0", "RUNSPAN_VENDOR="+strings.TrimSuffix(vendor.Endpoint(), "/v1/traces"))
			c.writeKey(t, "vendor.key", "secret-key")
			config := host.Root + "/collector/config/vendor.yaml"
			c.start(t, config)
			stop := make(chan struct{})
			time.AfterFunc(time.Second, func() { close(stop) })
			c.load(t, 4, 1, stop)
			must(t, c.stop(t, syscall.SIGTERM))
			queues, err := filepath.Glob(filepath.Join(c.dir, "data", "queue", "*"))
			must(t, err)
			if len(queues) != 1 {
				t.Fatalf("the queues are %v", queues)
			}
			content, err := os.ReadFile(queues[0])
			must(t, err)
			must(t, os.WriteFile(queues[0], damage(content), 0o600))
			c.start(t, config)
			if status, err := c.post(c.client(), encode(t, report(1))); err != nil || status != 200 {
				t.Errorf("a report gets %d, %v", status, err)
			}
			if _, err := os.Stat(queues[0] + ".damaged"); err != nil || !strings.Contains(c.log.String(), "a queue is damaged") {
				t.Errorf("it is not set aside and said: %v", err)
			}
			before := len(vendor.Spans())
			up.Store(true)
			for end := time.Now().Add(20 * time.Second); len(vendor.Spans()) == before && time.Now().Before(end); {
				time.Sleep(100 * time.Millisecond)
			}
			if len(vendor.Spans()) == before {
				t.Error("the vendor gets nothing")
			}
		})
	}
}

// Where the vendor's queue is full, clients are answered as ever.
func TestVendorsQueueIsFull(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0", "RUNSPAN_VENDOR=http://"+free(t))
	c.writeKey(t, "vendor.key", "secret-key")
	small := filepath.Join(c.dir, "small.yaml")
	must(t, os.WriteFile(small, []byte("{exporters: {otlp_http/vendor: {sending_queue: "+
		"{queue_size: 20000, batch: {min_size: 10000, max_size: 20000}}}}}"), 0o600))
	c.start(t, host.Root+"/collector/config/vendor.yaml", small)
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if c.metric(t, "otelcol_exporter_enqueue_failed_spans") > 100 {
				return
			}
		}
		t.Error("the queue is not full")
	}()
	acknowledged, failed := c.load(t, 4, 1, stop)
	if ids, _ := c.files(t); failed > 0 || len(ids) != len(acknowledged) {
		t.Errorf("%d acknowledged, %d failed; %d in the files", len(acknowledged), failed, len(ids))
	}
}
