// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"crypto/rand"

	"go.opentelemetry.io/otel/trace"
)

// randomIDs implements the SDK's IDGenerator with the kernel's random numbers. The SDK's
// own generator uses math/rand, which Go seeds from random bytes that the kernel gives a
// process at its exec. So if a process forks, and the children each load the core, they
// would have the same ids.
type randomIDs struct{}

// NewIDs implements sdktrace.IDGenerator.
func (randomIDs) NewIDs(context.Context) (traceID trace.TraceID, spanID trace.SpanID) {
	for !traceID.IsValid() {
		_, _ = rand.Read(traceID[:]) // never fails
	}
	for !spanID.IsValid() {
		_, _ = rand.Read(spanID[:])
	}
	return traceID, spanID
}

// NewSpanID implements sdktrace.IDGenerator.
func (ids randomIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	_, spanID := ids.NewIDs(ctx)
	return spanID
}
