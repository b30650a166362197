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

// client is the client of a handle.
type client struct {
	*telemetry.Client
	host   host
	lines  telemetry.Lines
	strict bool // an error has log lines

	mu       sync.Mutex
	deadline time.Time // of the default wait that is going on in slices; zero: there is none
}

// span is the span of a handle.
type span struct {
	*telemetry.Span
	client *client
}

// stale is how long after its deadline a default wait still counts as the same wait. A
// later slice begins a new one.
const stale = 50 * time.Millisecond

// time returns the timeout of a wait. A number from sliceLowest on is a slice of the
// default wait: sliceLowest plus the milliseconds of the slice. An interpreter that has
// to handle signals from time to time waits in slices.
func (c *client) time(milliseconds uint32) time.Duration {
	if milliseconds < sliceLowest {
		return time.Duration(milliseconds) * time.Millisecond
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() || time.Since(c.deadline) > stale {
		c.deadline = time.Now().Add(c.DefaultTimeout())
	}
	return min(max(time.Until(c.deadline), 0), time.Duration(milliseconds-sliceLowest)*time.Millisecond)
}

// wait calls delivered with a context that has the timeout, and returns its result.
func (c *client) wait(delivered func(context.Context) bool, milliseconds uint32) bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.time(milliseconds))
	defer cancel()
	all := delivered(ctx)
	if ctx.Err() == nil { // delivered has returned early, so the wait is over
		c.mu.Lock()
		c.deadline = time.Time{}
		c.mu.Unlock()
	}
	return all
}
