// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"time"

	"runspan/internal/courier"
	"runspan/internal/spool"
)

// delivery stores and sends encoded requests. It identifies a span by the bytes of its
// id.
type delivery interface {
	// Put takes an encoded OTLP ExportTraceServiceRequest, which replaces the standbys
	// of the spans with these ids. It may block for memory.
	Put(request []byte, standbys []string) error
	// Standby takes the report of a span that has not ended, and replaces an earlier
	// one. It reports whether the delivery has taken the report. It does not block.
	Standby(span string, request []byte) bool
	// Expect says that a span has lived for a while, and that its report will come.
	// isRunning reports whether a span is open. Expect does not block.
	Expect(isRunning func() bool)
	// ExitTimeout returns how long Finish should wait if an exit has that budget.
	// short says that the budget is the least that a run has.
	ExitTimeout(budget time.Duration, short bool) time.Duration
	// Flush waits until all requests are delivered, but not beyond the end of ctx, and
	// not in a pause. It reports whether all are delivered.
	Flush(ctx context.Context) bool
	// Finish is the last Flush before Close. The delivery goes on for linger after the
	// end of ctx.
	Finish(ctx context.Context, linger time.Duration) bool
	// Close ends the delivery. It waits for that until ctx ends.
	Close(ctx context.Context)
	// IsLeft reports whether the closed delivery has left requests that another process
	// could deliver within that time.
	IsLeft(within time.Duration) bool
}

// spooled is a delivery with a spool, which stores, and a courier, which sends.
type spooled struct {
	*spool.Spool
	courier *courier.Courier
}

func (d spooled) Expect(isRunning func() bool) { d.courier.Expect(isRunning) }

func (d spooled) ExitTimeout(budget time.Duration, short bool) time.Duration {
	return d.courier.ExitTimeout(budget, short)
}

func (d spooled) Flush(ctx context.Context) bool { return d.courier.Flush(ctx) }

func (d spooled) Finish(ctx context.Context, linger time.Duration) bool {
	return d.courier.Finish(ctx, linger)
}

func (d spooled) IsLeft(within time.Duration) bool {
	return d.Spool.IsLeft() && d.courier.MayDeliver(within)
}

// Close ends the courier first, because the courier returns its claims to the spool.
func (d spooled) Close(ctx context.Context) {
	d.courier.Close(ctx)
	d.Spool.Close(ctx)
}
