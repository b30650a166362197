// SPDX-License-Identifier: MIT

package courier

import (
	"context"
	"time"

	"runspan/internal/spool"
)

const (
	// An exit does not wait for a connection to be made where a delivery from here
	// takes longer: reports are left to later runs instead, and come together.
	farWait = 150 * time.Millisecond
	// One exit in many waits longer: where so many reports wait, or one that old.
	dueBatches = 64
	dueAge     = 10 * time.Minute
	dueWait    = time.Second
	// It tries what is known to take a little longer: not each delivery does.
	dueReach = dueWait * 5 / 4
	// A run that is far has to have lived for this until it begins to send what
	// earlier ones have left.
	longEnough = 30 * time.Millisecond
	// What is sent in one request: reports that have waited far away. A field of
	// a request has more than four bytes, so it has fewer than the gate takes.
	togetherBytes = 256 << 10
	// How long an exit may take to see what waits.
	mostLooking = 50 * time.Millisecond
)

// distance is how long a delivery takes: as the folder has it, or as it was found
// since. 0: that is not known.
func (c *Courier) distance() time.Duration {
	c.reading.Do(func() {
		known := c.store.Latency().Duration
		c.mu.Lock()
		defer c.mu.Unlock()
		c.whole = max(c.whole, known)
	})
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whole
}

func (c *Courier) isFar() bool { return c.distance() > farWait }

// measured keeps how long a delivery took, from a new connection to the answer.
func (c *Courier) measured(whole time.Duration) {
	known := c.distance()
	c.mu.Lock()
	c.whole, c.reached = whole, true
	c.mu.Unlock()
	switch {
	case whole > farWait:
		c.store.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: whole})
	case known > farWait:
		c.store.SetLatency(spool.Latency{})
	}
}

// cutOff keeps that a delivery takes longer than this, after which the host's exit
// has cut one off. How much longer is not known: a quarter.
func (c *Courier) cutOff(after time.Duration) {
	least := after + after/4
	c.mu.Lock()
	if c.long { // not for the next run to try as well
		least = max(least, dueReach+time.Millisecond)
	}
	if c.reached {
		least = 0
	}
	c.mu.Unlock()
	if least > max(c.distance(), farWait) {
		c.mu.Lock()
		c.whole = least
		c.mu.Unlock()
		c.store.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: least})
	}
}

// needs returns how long it may take from now until what waits is delivered, as far
// as that is known, and whether a connection is there.
func (c *Courier) needs() (need time.Duration, connected bool) {
	whole := c.distance()
	c.mu.Lock()
	l := c.line
	c.mu.Unlock()
	if l == nil {
		return whole, false
	}
	up, trip, making := l.progress()
	switch {
	case up:
		return trip, true
	case making > whole: // it is further than was known, by nobody knows how much
		return making, false
	}
	return whole - making, false
}

// Patience returns how long an exit should wait at most, where its budget is so
// long: not at all where a delivery can't be made in that time, or where it would
// be long for a run that is short; and once in many runs longer.
//
// budget is short where it is no more than the least that any run has.
func (c *Courier) Patience(budget time.Duration, short bool) time.Duration {
	need, connected := c.needs()
	limit := budget
	if !connected && short && c.isFar() {
		limit = farWait
	}
	switch {
	case need <= limit:
		return budget
	case need <= dueReach && c.isDue():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.long = true
		return max(budget, dueWait)
	}
	return 0
}

func (c *Courier) isLong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.long
}

// isDue says whether so much waits that a run may take longer for it.
func (c *Courier) isDue() bool {
	timer := time.NewTimer(mostLooking)
	defer timer.Stop()
	select {
	case <-c.looked:
	case <-timer.C:
		return false
	}
	batches, oldest := c.store.Waiting()
	return batches >= dueBatches || batches > 0 && time.Since(oldest) >= dueAge
}

// holdBack waits, for a moment, where what waits is left to a later run: a run that
// is far and short could only begin to send it. It says whether to look again.
func (c *Courier) holdBack(ctx context.Context) bool {
	left := longEnough - time.Since(c.opened)
	if left <= 0 || !c.isFar() || c.isWanted() || c.isDue() {
		return false
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.wanted:
	case <-ctx.Done():
	}
	return true
}

// want says that somebody waits for a delivery.
func (c *Courier) want() { c.wanting.Do(func() { close(c.wanted) }) }

func (c *Courier) isWanted() bool {
	select {
	case <-c.wanted:
		return true
	default:
		return false
	}
}

// claim takes what goes into one request: a batch, as the collector's files are to
// tell as little as they can of who has sent which (docs/privacy.md); together
// with others where each one would take a long round trip.
func (c *Courier) claim() (batches []*spool.Batch) {
	first := c.store.Claim()
	if first == nil {
		return nil
	}
	batches = append(batches, first)
	for left := togetherBytes - len(first.Request); c.isFar() && !c.apart; {
		more := c.store.ClaimUpTo(left)
		if more == nil {
			break
		}
		batches = append(batches, more)
		left -= len(more.Request)
	}
	return batches
}
