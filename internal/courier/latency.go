// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"time"

	"runspan/internal/spool"
)

const (
	// A collector is far if its latency is higher. A short exit does not wait for a
	// connection to it. It leaves its batches to later runs, which send many in one
	// request.
	farLatency = 150 * time.Millisecond
	// One exit in many waits for dueWait: if that many batches are waiting, or one has
	// waited that long.
	dueBatches = 64
	dueAge     = 10 * time.Minute
	dueWait    = time.Second
	// It tries even if the latency is a little higher, because latency varies.
	dueLatency = dueWait * 5 / 4
	// A run with a far collector sends batches of earlier runs only from this age on.
	minRunAge = 30 * time.Millisecond
	// Batches for a far collector share a request of up to this size. A field of a
	// request has more than four bytes, so the request has fewer fields than the
	// collector's gate allows.
	maxJoinedBytes = 256 << 10
	// How long an exit waits for the scan of the folder.
	longestScan = 50 * time.Millisecond
)

// knownLatency returns the time of a delivery: as this run has measured it, or else as
// the folder has it. 0: it is not known.
func (c *Courier) knownLatency() time.Duration {
	c.readOnce.Do(func() {
		known := c.store.Latency().Duration
		c.mu.Lock()
		defer c.mu.Unlock()
		c.latency = max(c.latency, known)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.latency
}

func (c *Courier) isFar() bool { return c.knownLatency() > farLatency }

// setLatency stores the time of a delivery, from a new connection to the response.
func (c *Courier) setLatency(latency time.Duration) {
	known := c.knownLatency()
	c.mu.Lock()
	c.latency, c.delivered = latency, true
	c.mu.Unlock()
	switch {
	case latency > farLatency:
		c.store.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: latency})
	case known > farLatency:
		c.store.SetLatency(spool.Latency{})
	}
}

// interrupted stores that the host's exit has interrupted a delivery after that time. So
// the latency is higher. By how much is not known; assume a quarter.
func (c *Courier) interrupted(after time.Duration) {
	least := after + after/4
	c.mu.Lock()
	if c.longExit { // so that the next run does not try it too
		least = max(least, dueLatency+time.Millisecond)
	}
	if c.delivered {
		least = 0
	}
	c.mu.Unlock()
	if least > max(c.knownLatency(), farLatency) {
		c.mu.Lock()
		c.latency = least
		c.mu.Unlock()
		c.store.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: least})
	}
}

// timeNeeded returns the time until the waiting batches can be delivered, as far as it
// is known, and whether there is a connection.
func (c *Courier) timeNeeded() (need time.Duration, connected bool) {
	latency := c.knownLatency()
	c.mu.Lock()
	l := c.link
	c.mu.Unlock()
	if l == nil {
		return latency, false
	}
	up, roundTrip, making := l.state()
	switch {
	case up:
		return roundTrip, true
	case making > latency: // the latency is higher than was known
		return making, false
	}
	return latency - making, false
}

// ExitTimeout returns how long an exit should wait for a delivery. That is budget, or 0
// if no delivery can be made in that time, or dueWait once in many runs. short says that
// the run is short, and that budget is the least that a run has: then a far collector
// without a connection is not waited for.
func (c *Courier) ExitTimeout(budget time.Duration, short bool) time.Duration {
	need, connected := c.timeNeeded()
	limit := budget
	if !connected && short && c.isFar() {
		limit = farLatency
	}
	switch {
	case need <= limit:
		return budget
	case need <= dueLatency && c.isDue():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.longExit = true
		return max(budget, dueWait)
	}
	return 0
}

func (c *Courier) isLongExit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.longExit
}

// isDue reports whether so many batches are waiting that an exit may wait longer.
func (c *Courier) isDue() bool {
	timer := time.NewTimer(longestScan)
	defer timer.Stop()
	select {
	case <-c.scanned:
	case <-timer.C:
		return false
	}
	batches, oldest := c.store.Waiting()
	return batches >= dueBatches || batches > 0 && time.Since(oldest) >= dueAge
}

// holdBack waits until the run has minRunAge, if the collector is far: a shorter run
// could only begin to send the batches of earlier runs. It reports whether it has
// waited.
func (c *Courier) holdBack(ctx context.Context) bool {
	left := minRunAge - time.Since(c.opened)
	if left <= 0 || !c.isFar() || c.isAwaited() || c.isDue() {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.awaited:
	case <-ctx.Done():
	}
	return true
}

// setAwaited says that a caller waits for a delivery.
func (c *Courier) setAwaited() { c.awaitOnce.Do(func() { close(c.awaited) }) }

func (c *Courier) isAwaited() bool {
	select {
	case <-c.awaited:
		return true
	default:
		return false
	}
}

// claim claims the batches of one request. That is one batch, because the collector's
// files should say as little as possible about which reports one sender has sent
// (docs/privacy.md). If the collector is far, it is several, to save round trips.
func (c *Courier) claim() (batches []*spool.Batch) {
	first := c.store.Claim()
	if first == nil {
		return nil
	}
	batches = append(batches, first)
	for left := maxJoinedBytes - len(first.Request); c.isFar() && !c.oneByOne; {
		more := c.store.ClaimUpTo(left)
		if more == nil {
			break
		}
		batches = append(batches, more)
		left -= len(more.Request)
	}
	return batches
}
