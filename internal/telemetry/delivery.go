// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"time"

	"runspan/internal/courier"
	"runspan/internal/spool"
)

// delivery takes encoded requests on. Spans are named by the bytes of their id.
type delivery interface {
	// Put takes one OTLP ExportTraceServiceRequest, encoded, in the place of the
	// standbys of the spans in it that are named. It may wait for memory.
	Put(request []byte, standbys []string) error
	// Standby takes the report of a span that has not ended, should it never do
	// so, in the place of an earlier one. It does not wait, and says whether the
	// report is kept.
	Standby(span string, request []byte) bool
	// Expect says that a span goes on which has lived for a while, so that its report
	// will come. It does not wait. goesOn says whether any span still does.
	Expect(goesOn func() bool)
	// Patience returns how long a Finish should wait at most, for which there is so
	// much time; short: because that is the least of any run.
	Patience(budget time.Duration, short bool) time.Duration
	// Flush waits until everything put so far is delivered, or waiting has no
	// point, or ctx ends, and says whether all of it is.
	Flush(ctx context.Context) bool
	// Finish is the last Flush before Close.
	Finish(ctx context.Context) bool
	// Close ends the delivery, and waits for that until ctx ends.
	Close(ctx context.Context)
}

// network is a delivery by way of a spool, which persists, and a courier, which
// sends. Both write log lines.
type network struct {
	*spool.Spool
	courier *courier.Courier
}

func (n network) Expect(goesOn func() bool) { n.courier.Expect(goesOn) }

func (n network) Patience(budget time.Duration, short bool) time.Duration {
	return n.courier.Patience(budget, short)
}

func (n network) Flush(ctx context.Context) bool { return n.courier.Flush(ctx) }

func (n network) Finish(ctx context.Context) bool { return n.courier.Finish(ctx) }

// Close ends the courier first: what it has claimed goes back to the spool.
func (n network) Close(ctx context.Context) {
	n.courier.Close(ctx)
	n.Spool.Close(ctx)
}
