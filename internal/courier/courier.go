// SPDX-License-Identifier: MIT

// Package courier delivers batches from a spool to an OTLP/HTTP endpoint, one
// after the other, with otlptracehttp's client.
//
// A batch is tried again after network errors and the statuses that OTLP/HTTP
// names as retryable (429, 502, 503, 504); any other answer ends it. After a
// failure the collector is left alone for a while, which grows with each
// failure in a row, and which the runs that follow keep to as well.
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
	longestPause   = 15 * time.Minute // but for what the collector asks for
	responseBytes  = 64 << 10
	// An attempt that the host's exit cut off is a failure where it had this
	// long. Most are cut off much sooner, which says nothing of the collector.
	fairChance = 2 * time.Second
)

// Courier delivers what a spool holds. Its methods may be called from several
// goroutines.
type Courier struct {
	store *spool.Spool
	log   func(string)

	cancel context.CancelFunc
	ended  chan struct{} // closed when the courier has ended

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when Flush has to look again
	paused   bool          // the collector is left alone for now
	deadline time.Time     // of Finish; zero: it was not called

	line    *line         // nil: there is none yet
	whole   time.Duration // see distance
	reached bool          // something was delivered
	long    bool          // this exit is the one in many that waits longer

	expected chan func() bool // see Expect
	opened   time.Time
	reading  sync.Once     // of the store's distance
	looked   chan struct{} // closed when it is known what waits
	looking  sync.Once
	wanted   chan struct{} // closed when somebody waits for a delivery
	wanting  sync.Once
	apart    bool // batches are sent one by one; run's
}

// errLate says that an attempt was given up before anything was sent.
var errLate = errors.New("too little time is left for an answer")

// New starts a courier to a destination that CheckEndpoint allows. log is told, in
// a line each, why something was not delivered.
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
		looked:   make(chan struct{}),
		wanted:   make(chan struct{}),
	}
	go c.run(ctx, to, userAgent, network.absolute())
	return c
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

// Flush waits until everything in the store has been delivered or refused, what
// others have left there too, and says whether all has that was put there by
// this client. It returns early where waiting has no point: while the collector
// is left alone after a failure.
func (c *Courier) Flush(ctx context.Context) bool {
	if ctx.Err() == nil {
		c.want()
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

// Finish is the last Flush before Close. From now on nothing is sent that can
// hardly be answered before ctx ends: to be cut off then would leave it to the
// next run, and to the collector twice. Where a delivery takes longer than there is
// time, as far as is known, it does not wait.
func (c *Courier) Finish(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	c.mu.Lock()
	c.deadline = deadline
	c.mu.Unlock()
	if need, _ := c.needs(); ok && need > time.Until(deadline) && !c.isLong() {
		return !c.store.HasOwn()
	}
	return c.Flush(ctx)
}

// late says whether the answer to a request that is sent now would come after Finish's
// deadline. It takes about a trip. Where the handshakes of a new connection have just
// taken longer, so may the answer; but an exit that is the long one tries it.
func (c *Courier) late(trip, handshakes time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := trip
	if !c.long {
		answer = max(trip, handshakes)
	}
	return !c.deadline.IsZero() && answer > time.Until(c.deadline)
}

// Expect says that there will be something to send, when goesOn returns false at
// the latest: so that a connection is made ahead, in the background. It does not wait.
func (c *Courier) Expect(goesOn func() bool) {
	select {
	case c.expected <- goesOn:
	default: // as it has been told already
	}
}

// Close stops the courier, an attempt under way included, and waits until ctx
// ends for it to give back what it has claimed.
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

// tell has Flush look again.
func (c *Courier) tell(paused bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paused = paused
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Courier) run(ctx context.Context, to Destination, userAgent string, network *Network) {
	defer close(c.ended)
	defer c.tell(true) // no flush waits for what is not going to happen
	// A panic on a goroutine of ours would end the host.
	defer func() {
		if recover() != nil {
			c.log("a defect of runspan: nothing more is delivered")
		}
	}()
	proxy, err := network.proxy(&to)
	if err != nil {
		c.stay(ctx, err)
		return
	}
	var pause spool.Pause
	var until time.Time
	prepare := sync.OnceValue(func() *way {
		return c.prepare(ctx, to, userAgent, proxy, network.roots(c.log))
	})
	for c.wait(ctx, until) {
		// Another process may have been asked to wait since.
		if now := c.store.Pause(); now != pause {
			pause, until = now, after(now)
			continue
		}
		c.look()
		if c.holdBack(ctx) {
			continue
		}
		if batches := c.claim(); batches != nil {
			c.attempt(ctx, prepare(), batches, pause)
			continue
		}
		c.tell(false)
		// It takes many milliseconds to read a system's certificates: now, because
		// when there is a batch somebody may be waiting.
		c.idle(ctx, prepare())
	}
}

// idle waits until there may be something to deliver, and has a connection ready
// where that is to be expected.
func (c *Courier) idle(ctx context.Context, w *way) {
	select {
	case <-c.store.NewBatches():
	case w.goesOn = <-c.expected:
		c.ahead(ctx, w.line)
	case <-w.line.over:
		if w.goesOn != nil && w.goesOn() && w.line.isNeeded(time.Since(c.opened)) {
			c.ahead(ctx, w.line)
		}
	case <-ctx.Done():
	}
}

// way is how batches get to the collector.
type way struct {
	otlptrace.Client
	*answers
	line   *line
	goesOn func() bool // see Expect; nil: it was not called
}

// ahead connects. Where that fails, an attempt will: that there is nothing to send
// yet, and nobody at the other end, is no failure.
func (c *Courier) ahead(ctx context.Context, l *line) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	begun := time.Now()
	err := l.ahead(ctx)
	late := errors.Is(err, errLate)
	if late || err != nil && ctx.Err() != nil {
		c.cutOff(time.Since(begun))
	}
	if late {
		c.cancel()
	}
}

// look has the store find what waits, once.
func (c *Courier) look() {
	c.looking.Do(func() {
		c.store.ScanFolder()
		close(c.looked)
	})
}

// stay delivers nothing until ctx ends. That is no failure of the collector's:
// the runs that follow need not wait for it.
func (c *Courier) stay(ctx context.Context, why error) {
	c.log(fmt.Sprintf("nothing is sent: %v", why))
	c.tell(true)
	c.look() // nothing is claimed, but the limits hold all the same
	<-ctx.Done()
}

// prepare makes the client; it has no connection yet, and none any more when ctx
// has ended.
func (c *Courier) prepare(ctx context.Context, to Destination, userAgent string, proxy *url.URL, roots *x509.CertPool) *way {
	var l *line
	l = newLine(&to, newTransport(&to, proxy, roots, func() { l.dials() }), c.late)
	c.mu.Lock()
	c.line = l
	c.mu.Unlock()
	context.AfterFunc(ctx, l.close)
	a := &answers{next: l}
	httpClient := &http.Client{
		Transport: a,
		Timeout:   attemptTimeout,
		// A redirect could lead anywhere: spans go to the schema's destination.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	otlp := NewOTLPClient(to.URL, userAgent, httpClient, otlptracehttp.GzipCompression, otlptracehttp.EncodingProtobuf)
	return &way{Client: otlp, answers: a, line: l}
}

// wait waits until then, or until ctx ends, and says whether it has not.
func (c *Courier) wait(ctx context.Context, until time.Time) bool {
	if length := time.Until(until); length > 0 {
		c.tell(true)
		c.look() // nothing is claimed for now, but the limits hold all the same
		timer := time.NewTimer(length)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	c.tell(false)
	return ctx.Err() == nil
}

// attempt tries to deliver batches in one request, and sets or ends the pause, of
// which last is what was known before.
func (c *Courier) attempt(ctx context.Context, w *way, batches []*spool.Batch, last spool.Pause) {
	spans, batches := c.decode(batches)
	if len(batches) == 0 {
		return
	}
	begun := time.Now()
	err := post(ctx, w, spans)
	cut := err != nil && ctx.Err() != nil
	switch {
	case errors.Is(err, errLate):
		c.cutOff(time.Since(begun))
		each(batches, c.store.Return)
		c.cancel()
		return
	case cut && time.Since(begun) < fairChance:
		c.cutOff(time.Since(begun))
		each(batches, c.store.Return)
		return
	case cut || err != nil && w.last.retryable():
		each(batches, c.store.Return)
		// What another process was asked for meanwhile may be longer.
		pause := w.last.pause(last)
		if now := c.store.Pause(); now == last || pause.End().After(now.End()) {
			c.store.SetPause(pause)
		}
		c.log(fmt.Sprintf("a batch was not delivered, and will be tried again: %v", err))
		return
	case err != nil && len(batches) > 1:
		// It may be for one of them, or for there being many.
		c.apart = true
		each(batches, c.store.Return)
	case err != nil:
		c.log(fmt.Sprintf("a batch was refused: %v", err))
		each(batches, c.store.Remove)
	default:
		each(batches, c.store.Delivered)
		c.measured(w.line.lastDelivery(time.Since(begun)))
	}
	if last != (spool.Pause{}) && c.store.Pause() == last { // else it is another's, of since then
		c.store.SetPause(spool.Pause{})
	}
}

// decode returns the batches that are requests, and what is in them. It sets the
// others aside.
func (c *Courier) decode(batches []*spool.Batch) (spans []*tracepb.ResourceSpans, good []*spool.Batch) {
	for _, b := range batches {
		more, err := undecoded(b.Request)
		if err != nil {
			c.log("a batch was set aside: it is no OTLP request")
			c.store.SetAside(b)
			continue
		}
		spans, good = append(spans, more...), append(good, b)
	}
	if len(good) > 1 {
		spans = joined(spans)
	}
	return spans, good
}

// each has the batches end, the first last: it is this run's own, if any is, and
// the one that is kept to be looked at.
func each(batches []*spool.Batch, end func(*spool.Batch)) {
	for _, b := range slices.Backward(batches) {
		end(b)
	}
}

func post(ctx context.Context, w *way, spans []*tracepb.ResourceSpans) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	w.last = answer{}
	err := w.UploadTraces(ctx, spans)
	if w.last.status/100 == 2 {
		return nil // a partial success is one: what was rejected would be again
	}
	return err
}

// after draws the end of a pause: not the same for any two processes, so that a
// thousand jobs do not come back as one. What the collector has asked for is
// kept in full.
func after(p spool.Pause) time.Time {
	if p.Duration <= 0 {
		return time.Time{}
	}
	if p.ByCollector {
		return p.End().Add(rand.N(p.Duration/8 + 1))
	}
	return p.End().Add(-rand.N(p.Duration/2 + 1))
}
