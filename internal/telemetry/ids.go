// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"crypto/rand"

	"go.opentelemetry.io/otel/trace"
)

// randomIDs implements the SDK's IDGenerator over the kernel's random numbers.
// The SDK's own draws from math/rand, which Go seeds from what the kernel gave
// the process at its exec: processes that were forked since, and load the core
// each for itself, would have the same ids.
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
