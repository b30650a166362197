// SPDX-License-Identifier: MIT

// Package courier delivers batches from a spool.Store to an OTLP/HTTP
// endpoint, one after the other, with otlptracehttp's client.
//
// A batch is tried again after network errors and the statuses that OTLP/HTTP
// names as retryable (429, 502, 503, 504), with growing pauses; any other
// answer ends it.
package courier

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/spool"
)

const (
	attemptTimeout   = 10 * time.Second
	firstPause       = time.Second
	longestPause     = 5 * time.Minute
	responseBytes    = 64 << 10
	longestRetryWait = time.Hour // the most that a Retry-After is believed
)

// Courier delivers what a store holds. Its methods may be called from several
// goroutines.
type Courier struct {
	store spool.Store
	log   func(string)

	stop  context.CancelFunc
	wake  chan struct{} // something was put
	hurry chan struct{} // a flush does not want to wait for a pause to end

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when what is below changes
	put     uint64        // how often Wake was called
	done    uint64        // the put up to which nothing is left in the store
	failed  uint64        // attempts that did not deliver, and will be repeated
	paused  bool          // waiting for the next attempt
	patient bool          // the collector asked for the pause
}

// New starts a courier. log is told, in a line each, why something was not
// delivered. The error is ErrEndpoint.
func New(endpoint, userAgent string, network *Network, store spool.Store, log func(string)) (*Courier, error) {
	if err := CheckEndpoint(endpoint); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Courier{
		store:   store,
		log:     log,
		stop:    stop,
		wake:    make(chan struct{}, 1),
		hurry:   make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	go c.run(ctx, endpoint, userAgent, network)
	return c, nil
}

// NewOTLPClient returns otlptracehttp's client with everything set that the
// OTEL_EXPORTER_OTLP_ variables of the host's environment could set otherwise:
// those are meant for some other exporter.
func NewOTLPClient(endpoint, userAgent string, httpClient *http.Client, compression otlptracehttp.Compression, encoding otlptracehttp.Encoding) otlptrace.Client {
	return otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL(endpoint),
		otlptracehttp.WithHeaders(map[string]string{"User-Agent": userAgent}),
		otlptracehttp.WithCompression(compression),
		otlptracehttp.WithEncoding(encoding),
		otlptracehttp.WithTimeout(attemptTimeout),
		otlptracehttp.WithMaxResponseSize(responseBytes),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: false}), // the courier does it
		otlptracehttp.WithHTTPClient(httpClient),
	)
}

// Wake says that the store has something new.
func (c *Courier) Wake() {
	c.set(func() { c.put++ })
	poke(c.wake)
}

// Flush waits until everything in the store has been delivered or given up,
// and says whether it has. It returns early, with false, where waiting has no
// point: an attempt failed and the next is a pause away. A pause that the
// courier chose itself it cuts short, once; one that the collector asked for
// it respects.
func (c *Courier) Flush(ctx context.Context) bool {
	c.mu.Lock()
	failed := c.failed
	if c.paused && !c.patient {
		poke(c.hurry)
	}
	for {
		switch {
		case c.done == c.put:
			c.mu.Unlock()
			return true
		case c.failed != failed || c.paused && c.patient:
			c.mu.Unlock()
			return false
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
		c.mu.Lock()
	}
}

// Close stops the courier at once, an attempt under way included.
func (c *Courier) Close() {
	c.stop()
}

func poke(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default: // it has been poked and has not looked yet
	}
}

// set changes the state that Flush watches.
func (c *Courier) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Courier) run(ctx context.Context, endpoint, userAgent string, network *Network) {
	// A panic on a goroutine of ours would end the host. After one nothing more
	// is delivered, and no flush waits for it.
	defer func() {
		if recover() != nil {
			c.log("a defect of runspan: nothing more is delivered")
			c.set(func() { c.paused, c.patient = true, true })
		}
	}()
	// Here, because reading a system's certificates takes many milliseconds,
	// and before the first batch, because by then somebody may be waiting.
	httpClient, err := newHTTPClient(network)
	if err != nil {
		c.log(err.Error()) // each attempt is going to fail
	}
	defer httpClient.CloseIdleConnections()
	w := &witness{next: httpClient.Transport}
	httpClient.Transport = w
	otlp := NewOTLPClient(endpoint, userAgent, httpClient, otlptracehttp.GzipCompression, otlptracehttp.EncodingProtobuf)
	failures := 0
	for ctx.Err() == nil {
		batch, ok := c.claim()
		if !ok {
			select {
			case <-c.wake:
			case <-ctx.Done():
			}
			continue
		}
		err := deliver(ctx, otlp, batch, w)
		switch {
		case err == nil:
			c.store.Remove(batch)
			failures = 0
		case ctx.Err() != nil:
			c.store.Return(batch)
		case !w.retryable():
			c.store.Remove(batch)
			failures = 0
			c.log(fmt.Sprintf("a batch was refused: %v", err))
		default:
			c.store.Return(batch)
			c.log(fmt.Sprintf("a batch was not delivered, and will be tried again: %v", err))
			c.pause(ctx, w, failures)
			failures++
		}
	}
}

// claim takes the next batch. Where there is none, everything is done that was
// put before it looked.
func (c *Courier) claim() (*spool.Batch, bool) {
	c.mu.Lock()
	put := c.put
	c.mu.Unlock()
	batch, ok := c.store.Claim()
	if !ok {
		c.set(func() { c.done = put })
	}
	return batch, ok
}

// pause waits before the next attempt, after so many failures in a row.
func (c *Courier) pause(ctx context.Context, w *witness, failures int) {
	length, patient := w.pause(failures)
	select {
	case <-c.hurry: // meant for an earlier pause
	default:
	}
	c.set(func() { c.failed++; c.paused, c.patient = true, patient })
	defer c.set(func() { c.paused = false })
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurry:
	case <-ctx.Done():
	}
}

func deliver(ctx context.Context, otlp otlptrace.Client, batch *spool.Batch, w *witness) error {
	var request coltracepb.ExportTraceServiceRequest
	if err := proto.Unmarshal(batch.Request, &request); err != nil {
		w.status = http.StatusBadRequest
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	w.reset()
	err := otlp.UploadTraces(ctx, request.GetResourceSpans())
	if w.status/100 == 2 {
		return nil // a partial success is one: what was rejected would be again
	}
	return err
}

// witness sees the answers that otlptracehttp keeps to itself. One goroutine
// uses it.
type witness struct {
	next       http.RoundTripper
	status     int // 0: there was no answer
	retryAfter string
}

func (w *witness) reset() { w.status, w.retryAfter = 0, "" }

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.next.RoundTrip(r)
	if err == nil {
		w.status, w.retryAfter = response.StatusCode, response.Header.Get("Retry-After")
	}
	return response, err
}

// retryable is the OTLP/HTTP specification's list, "Failures".
func (w *witness) retryable() bool {
	switch w.status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// pause returns how long to wait after so many failures in a row, and whether
// the collector asked for it.
func (w *witness) pause(failures int) (length time.Duration, patient bool) {
	if w.status != 0 {
		// "Now", or a date that has passed, is no leave to hammer.
		if length, ok := retryAfter(w.retryAfter); ok && length > 0 {
			return length, true
		}
	}
	length = longestPause
	if failures < 16 {
		length = min(firstPause<<failures, longestPause)
	}
	return length/2 + rand.N(length/2), false // so that a thousand jobs do not come back as one
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(header string) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(longestRetryWait/time.Second))) * time.Second, true
	} else if errors.Is(err, strconv.ErrRange) {
		return longestRetryWait, true
	}
	if date, err := http.ParseTime(header); err == nil {
		return min(max(time.Until(date), 0), longestRetryWait), true
	}
	return 0, false
}
