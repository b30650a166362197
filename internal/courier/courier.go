// SPDX-License-Identifier: MIT

// Package courier sends the batches of a spool to an OTLP/HTTP endpoint, one after the
// other, with otlptracehttp's client.
//
// The courier tries a batch again after a network error, and after the status codes
// that OTLP/HTTP calls retryable (429, 502, 503, 504). After any other response it
// does not. A failure starts a pause, in which neither this run nor a later one sends
// anything. The pause grows with each failure in a row.
//
// A Courier has one goroutine, which claims and sends. It makes at most one connection
// at a time (link.go). An exit of the host waits for a delivery only if the collector
// is near enough (latency.go).
package courier

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"runspan/internal/spool"
)

const (
	attemptTimeout = 10 * time.Second
	firstPause     = time.Second
	longestPause   = 15 * time.Minute // unless the collector asks for a longer one
	responseBytes  = 64 << 10
	// If the host's exit interrupts an attempt that is as old as this, the attempt
	// counts as a failure. An exit interrupts most attempts much sooner, which says
	// nothing about the collector.
	fairChance = 2 * time.Second
)

// Courier sends the batches of one spool. Several goroutines may call its methods.
type Courier struct {
	store *spool.Spool
	log   func(string)

	cancel context.CancelFunc
	ended  chan struct{} // closed when the courier has ended

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when Flush has to check again
	paused   bool          // nothing is sent for now
	deadline time.Time     // of Finish; zero: Finish was not called

	link      *link         // nil: the client is not made yet
	silent    bool          // nothing is sent: the proxy's settings are not valid
	latency   time.Duration // see knownLatency
	delivered bool          // a batch was delivered
	longExit  bool          // this exit is the one in many that waits longer

	expected  chan func() bool // see Expect
	opened    time.Time
	readOnce  sync.Once     // guards the reading of the spool's latency
	scanned   chan struct{} // closed after the scan of the spool's folder
	scanOnce  sync.Once
	awaited   chan struct{} // closed when a caller waits for a delivery
	awaitOnce sync.Once
	oneByOne  bool // send each batch in its own request; only run's goroutine uses it
}

// errTooLate says that the courier gave an attempt up before it sent anything.
var errTooLate = errors.New("too little time is left for a response")

// New starts a courier to a destination that CheckEndpoint allows. It calls log with a
// line for each batch that was not delivered, which says why; log may be called on any
// goroutine.
func New(to Destination, userAgent string, network *Network, store *spool.Spool, log func(string)) *Courier {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Courier{
		store:   store,
		log:     log,
		cancel:  cancel,
		ended:   make(chan struct{}),
		changed: make(chan struct{}),

		expected: make(chan func() bool, 1),
		opened:   time.Now(),
		scanned:  make(chan struct{}),
		awaited:  make(chan struct{}),
	}
	go c.run(ctx, to, userAgent, network.absolute())
	return c
}

// NewOTLPClient returns otlptracehttp's client. It sets every option, because the host's
// OTEL_EXPORTER_OTLP_ variables would set the others, and those variables are for the
// host's own exporter.
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

// Flush waits until all batches in the spool are delivered or refused, those of other
// processes too, or until ctx ends. It reports whether all batches of this client are.
// In a pause it returns at once.
func (c *Courier) Flush(ctx context.Context) bool {
	if ctx.Err() == nil {
		c.setAwaited()
	}
	for {
		c.mu.Lock()
		changed, paused := c.changed, c.paused
		c.mu.Unlock()
		delivered := !c.store.HasOwn()
		if paused || c.store.IsIdle() {
			return delivered
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return delivered
		}
	}
}

// Finish is the last Flush before Close. From now on the courier sends no request whose
// response can hardly come before ctx ends: the exit would interrupt it, the next run
// would send the batch again, and the collector would have it twice. If a delivery is
// known to take longer than the time that is left, Finish does not wait. The courier goes
// on for linger after the end of ctx.
func (c *Courier) Finish(ctx context.Context, linger time.Duration) bool {
	deadline, ok := ctx.Deadline()
	c.mu.Lock()
	c.deadline = deadline
	if ok {
		c.deadline = deadline.Add(linger)
	}
	c.mu.Unlock()
	if need, _ := c.timeNeeded(); ok && need > time.Until(deadline) && !c.isLongExit() {
		return !c.store.HasOwn()
	}
	return c.Flush(ctx)
}

// isTooLate reports whether the response to a request would come after the deadline of
// Finish. It takes about one round trip. If the handshakes of a new connection took
// longer, the response may take that long too; but the long exit tries it all the same.
func (c *Courier) isTooLate(roundTrip, handshakes time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := roundTrip
	if !c.longExit {
		answer = max(roundTrip, handshakes)
	}
	return !c.deadline.IsZero() && answer > time.Until(c.deadline)
}

// Expect says that there will be a batch to send, at the latest when isRunning returns
// false. The courier then makes a connection ahead, in the background. Expect does not
// block.
func (c *Courier) Expect(isRunning func() bool) {
	select {
	case c.expected <- isRunning:
	default: // an earlier call has said so already
	}
}

// Close stops the courier, and interrupts an attempt. Until ctx ends it waits for the
// courier to end its claims.
func (c *Courier) Close(ctx context.Context) {
	c.cancel()
	if c.store.IsIdle() {
		return
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
	}
}

// MayDeliver reports whether another process could deliver a batch within that time: as far
// as is known it takes no longer, and there is no pause.
func (c *Courier) MayDeliver(within time.Duration) bool {
	c.mu.Lock()
	silent := c.silent
	c.mu.Unlock()
	return !silent && c.knownLatency() <= within && !c.store.Pause().End().After(time.Now())
}

// setPaused sets paused, and has Flush check again.
func (c *Courier) setPaused(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Courier) run(ctx context.Context, to Destination, userAgent string, network *Network) {
	defer close(c.ended)
	defer c.setPaused(true) // nothing will be delivered any more, so no Flush must wait
	// A panic on this goroutine would end the host.
	defer func() {
		if recover() != nil {
			c.log("a defect in runspan: nothing more is delivered")
		}
	}()
	proxy, err := network.proxy(&to)
	if err != nil {
		c.sendNothing(ctx, err)
		return
	}
	var pause spool.Pause
	var until time.Time
	prepare := sync.OnceValue(func() *sender {
		return c.prepare(ctx, to, userAgent, proxy, network.roots(c.log))
	})
	for c.wait(ctx, until) {
		// Another process may have started a pause meanwhile.
		if now := c.store.Pause(); now != pause {
			pause, until = now, randomEnd(now)
			continue
		}
		c.scan()
		if c.holdBack(ctx) {
			continue
		}
		if batches := c.claim(); batches != nil {
			c.attempt(ctx, prepare(), batches, pause)
			continue
		}
		c.setPaused(false)
		// Prepare now: that reads the system's certificates, which takes many
		// milliseconds, and the host may wait once there is a batch.
		c.idle(ctx, prepare())
	}
}

// idle waits until there may be a batch to deliver. If a batch is expected, it makes a
// connection ahead.
func (c *Courier) idle(ctx context.Context, s *sender) {
	select {
	case <-c.store.NewBatches():
	case s.isRunning = <-c.expected:
		c.connectAhead(ctx, s.link)
	case <-s.link.expired:
		if s.isRunning != nil && s.isRunning() && s.link.isNeeded(time.Since(c.opened)) {
			c.connectAhead(ctx, s.link)
		}
	case <-ctx.Done():
	}
}

// sender sends requests to the collector.
type sender struct {
	otlptrace.Client
	*responses
	link      *link
	isRunning func() bool // see Expect; nil: it was not called
}

// connectAhead makes a connection. An error is not a failure that starts a pause: if the
// collector can't be reached, the attempt with the next batch will fail.
func (c *Courier) connectAhead(ctx context.Context, l *link) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	begun := time.Now()
	err := l.connectAhead(ctx)
	tooLate := errors.Is(err, errTooLate)
	if tooLate || err != nil && ctx.Err() != nil {
		c.interrupted(time.Since(begun))
	}
	if tooLate {
		c.cancel()
	}
}

// scan scans the spool's folder, once.
func (c *Courier) scan() {
	c.scanOnce.Do(func() {
		c.store.ScanFolder()
		close(c.scanned)
	})
}

// sendNothing waits until ctx ends. It starts no pause, because the collector has not
// failed.
func (c *Courier) sendNothing(ctx context.Context, why error) {
	c.log(fmt.Sprintf("nothing is sent: %v", why))
	c.mu.Lock()
	c.silent = true
	c.mu.Unlock()
	c.setPaused(true)
	c.scan() // for the limits of the folder
	<-ctx.Done()
}

// prepare returns a sender without a connection. When ctx ends, the sender closes its
// connection.
func (c *Courier) prepare(ctx context.Context, to Destination, userAgent string, proxy *url.URL, roots *x509.CertPool) *sender {
	var l *link
	l = newLink(&to, newTransport(&to, proxy, roots, func() { l.onDial() }), c.isTooLate)
	c.mu.Lock()
	c.link = l
	c.mu.Unlock()
	context.AfterFunc(ctx, l.close)
	a := &responses{next: l}
	httpClient := &http.Client{
		Transport: a,
		Timeout:   attemptTimeout,
		// A redirect could lead anywhere, and reports may only go to the destination.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	otlp := NewOTLPClient(to.URL, userAgent, httpClient, otlptracehttp.GzipCompression, otlptracehttp.EncodingProtobuf)
	return &sender{Client: otlp, responses: a, link: l}
}

// wait waits until the time until, or until ctx ends. It reports whether ctx goes on.
func (c *Courier) wait(ctx context.Context, until time.Time) bool {
	if length := time.Until(until); length > 0 {
		c.setPaused(true)
		c.scan() // for the limits of the folder
		timer := time.NewTimer(length)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	c.setPaused(false)
	return ctx.Err() == nil
}

// attempt sends batches in one request, and starts or ends the pause. last is the pause
// that was in the folder before.
func (c *Courier) attempt(ctx context.Context, s *sender, batches []*spool.Batch, last spool.Pause) {
	spans, batches := c.spansOf(batches)
	if len(batches) == 0 {
		return
	}
	begun := time.Now()
	err := post(ctx, s, spans)
	interrupted := err != nil && ctx.Err() != nil
	switch {
	case errors.Is(err, errTooLate):
		c.interrupted(time.Since(begun))
		endClaims(batches, c.store.Return)
		c.cancel()
		return
	case interrupted && time.Since(begun) < fairChance:
		c.interrupted(time.Since(begun))
		endClaims(batches, c.store.Return)
		return
	case interrupted || err != nil && s.last.retryable():
		endClaims(batches, c.store.Return)
		// Another process may have set a longer pause meanwhile.
		pause := s.last.pause(last)
		if now := c.store.Pause(); now == last || pause.End().After(now.End()) {
			c.store.SetPause(pause)
		}
		c.log(fmt.Sprintf("a batch was not delivered, and will be tried again: %v", err))
		return
	case err != nil && len(batches) > 1:
		// The collector may refuse one of them, or the size of the request.
		c.oneByOne = true
		endClaims(batches, c.store.Return)
	case err != nil:
		c.log(fmt.Sprintf("a batch was refused: %v", err))
		endClaims(batches, c.store.Remove)
	default:
		endClaims(batches, c.store.Delivered)
		c.setLatency(s.link.fullLatency(time.Since(begun)))
	}
	if last != (spool.Pause{}) && c.store.Pause() == last { // else another process has set it since
		c.store.SetPause(spool.Pause{})
	}
}

// spansOf returns the batches that are OTLP requests, and their content. It sets the
// others aside.
func (c *Courier) spansOf(batches []*spool.Batch) (spans []*tracepb.ResourceSpans, good []*spool.Batch) {
	for _, b := range batches {
		more, err := rawSpans(b.Request)
		if err != nil {
			c.log("a batch was set aside: it is not an OTLP request")
			c.store.SetAside(b)
			continue
		}
		spans, good = append(spans, more...), append(good, b)
	}
	if len(spans) > 1 {
		spans = merged(spans)
	}
	return spans, good
}

// endClaims calls end for each batch, and for the first one last: the spool keeps the
// batch that is delivered last, and the first is this run's own.
func endClaims(batches []*spool.Batch, end func(*spool.Batch)) {
	for _, b := range slices.Backward(batches) {
		end(b)
	}
}

func post(ctx context.Context, s *sender, spans []*tracepb.ResourceSpans) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	s.last = response{}
	err := s.UploadTraces(ctx, spans)
	if s.last.status/100 == 2 {
		return nil // also after a partial success: the collector would reject the same spans again
	}
	return err
}

// randomEnd returns the time when this process ends a pause. It is random, so that a
// thousand jobs do not come back at once. A pause that the collector has asked for is
// never shorter than that.
func randomEnd(p spool.Pause) time.Time {
	if p.Duration <= 0 {
		return time.Time{}
	}
	if p.ByCollector {
		return p.End().Add(rand.N(p.Duration/8 + 1))
	}
	return p.End().Add(-rand.N(p.Duration/2 + 1))
}
