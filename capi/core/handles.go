// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"sync"
	"time"

	"runspan/internal/telemetry"
)

const (
	maxClients = 64
	maxSpans   = 4096 // of one process
)

var (
	clients = newRegistry[*client]()
	spans   = newRegistry[*span]()
)

// client is what a client handle stands for.
type client struct {
	*telemetry.Client
	host   host
	lines  telemetry.Lines
	strict bool // an error has log lines

	mu       sync.Mutex
	deadline time.Time // of the default wait that goes on, in slices; zero: none does
}

// span is what a span handle stands for.
type span struct {
	*telemetry.Span
	client *client
}

// stale is how long ago a default wait may have ended of which one more slice is
// asked for.
const stale = 50 * time.Millisecond

// time returns how long a caller's wait may take. What is at or above sliceLowest is
// so many milliseconds, less that, of the default wait: an interpreter that has to
// look up from time to time waits in slices.
func (c *client) time(milliseconds uint32) time.Duration {
	if milliseconds < sliceLowest {
		return time.Duration(milliseconds) * time.Millisecond
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() || time.Since(c.deadline) > stale {
		c.deadline = time.Now().Add(c.Patience())
	}
	return min(max(time.Until(c.deadline), 0), time.Duration(milliseconds-sliceLowest)*time.Millisecond)
}

// wait waits for a delivery, and says whether all is delivered.
func (c *client) wait(delivered func(context.Context) bool, milliseconds uint32) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.time(milliseconds))
	defer cancel()
	all := delivered(ctx)
	if ctx.Err() == nil { // to wait has no point any more
		c.mu.Lock()
		c.deadline = time.Time{}
		c.mu.Unlock()
	}
	return all
}
