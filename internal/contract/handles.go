// SPDX-License-Identifier: MIT

package contract

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

// SliceLowest is the lowest timeout that is a slice of the default wait: SliceLowest plus
// the milliseconds of the slice. An interpreter that has to handle signals from time to
// time waits in slices.
const SliceLowest = 0xFFFF0000

// client is the client of a handle.
type client struct {
	*telemetry.Client
	host   Host
	config telemetry.Config
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

// tell passes the waiting log lines to the host. Only the functions of Core call it, so
// that it runs inside the host's call.
func (c *client) tell() {
	if lines := c.lines.Take(); len(lines) > 0 {
		c.host.Tell(lines)
	}
}

// checked passes on the error of a call. A strict client's host gets the log lines
// about the refusal first.
func (c *client) checked(err error) error {
	if err != nil && c.strict {
		c.tell()
	}
	return err
}

// stale is how long after its deadline a default wait still counts as the same wait. A
// later slice begins a new one.
const stale = 50 * time.Millisecond

// time returns the timeout of a wait, which may be a slice.
func (c *client) time(milliseconds uint32) time.Duration {
	if milliseconds < SliceLowest {
		return time.Duration(milliseconds) * time.Millisecond
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() || time.Since(c.deadline) > stale {
		c.deadline = time.Now().Add(c.DefaultTimeout())
	}
	return min(max(time.Until(c.deadline), 0), time.Duration(milliseconds-SliceLowest)*time.Millisecond)
}

// wait calls delivered with a context that has the timeout.
func (c *client) wait(delivered func(context.Context) bool, milliseconds uint32) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.time(milliseconds))
	defer cancel()
	all := delivered(ctx)
	if ctx.Err() == nil { // delivered has returned early, so the wait is over
		c.mu.Lock()
		c.deadline = time.Time{}
		c.mu.Unlock()
	}
	if !all {
		return errNotDelivered
	}
	return nil
}
