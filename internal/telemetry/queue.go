// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"runspan/internal/notify"
)

const (
	// Ended spans wait this long for others, so that a host that ends many
	// does not cause as many requests. A flush does not wait.
	linger = 5 * time.Millisecond
	// So many spans may have ended and not be with the delivery yet. The next
	// one to end waits for room, but no longer than this.
	queueSize   = 4096
	longestWait = 250 * time.Millisecond
	batchSize   = 512
)

// ErrFull says that a span was dropped, because the delivery does not come to
// take those that ended before it.
var ErrFull = errors.New("the span was dropped: too many wait to be stored")

// described is the SDK's span with attributes that are not the SDK's. To copy them
// there, to look for keys that are there twice, and to copy them again, would be a
// fifth of a span's time.
type described struct {
	sdktrace.ReadOnlySpan
	attributes []attribute.KeyValue
}

// Attributes implements sdktrace.ReadOnlySpan.
func (d described) Attributes() []attribute.KeyValue { return d.attributes }

// endedSpan is a span that has ended, and the list that its attributes begin in.
type endedSpan struct {
	described
	list *list
}

// queue holds the spans that have ended until export has taken them, in batches.
type queue struct {
	export  func([]sdktrace.ReadOnlySpan) error
	added   chan struct{}  // a span has been added
	flushes chan chan bool // each is told whether export has taken all spans
	stopped chan struct{}  // closed when nothing is exported any more

	mu      sync.Mutex
	waiting []*endedSpan
	taken   int           // waiting, and with export
	freed   chan struct{} // closed, and made anew, when export has taken a batch
	stuck   bool          // a span has waited for room in vain
}

func newQueue(export func([]sdktrace.ReadOnlySpan) error) *queue {
	return &queue{
		export:  export,
		added:   make(chan struct{}, 1),
		flushes: make(chan chan bool),
		stopped: make(chan struct{}),
		freed:   make(chan struct{}),
	}
}

// add appends a span. Where the queue is full it waits for room, no longer than wait.
// After a span has waited in vain no other does, until there is room. The error is
// ErrFull.
func (q *queue) add(span *endedSpan, wait time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.hasRoom(wait) {
		return ErrFull
	}
	q.taken++
	q.waiting = append(q.waiting, span)
	notify.Send(q.added)
	return nil
}

// hasRoom is for add, which holds the lock. It waits without the lock.
func (q *queue) hasRoom(wait time.Duration) bool {
	if q.taken < queueSize {
		return true
	}
	if wait == 0 || q.stuck {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for late := false; q.taken >= queueSize; {
		if late {
			q.stuck = true
			return false
		}
		freed := q.freed
		q.mu.Unlock()
		select {
		case <-freed:
		case <-timer.C:
			late = true
		}
		q.mu.Lock()
	}
	return true
}

// flush has the spans that have been added exported now, and says whether export has
// taken all of them before ctx ended.
func (q *queue) flush(ctx context.Context) bool {
	if q.isEmpty() {
		return true
	}
	done := make(chan bool, 1)
	select {
	case q.flushes <- done:
	case <-q.stopped:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case all := <-done:
		return all
	case <-ctx.Done():
		return false
	}
}

func (q *queue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken == 0
}

// run exports what is added, until ctx ends.
func (q *queue) run(ctx context.Context) {
	defer close(q.stopped)
	for {
		var flush chan bool
		select {
		case <-q.added:
			select {
			case <-time.After(linger):
			case flush = <-q.flushes:
			case <-ctx.Done():
				return
			}
		case flush = <-q.flushes:
		case <-ctx.Done():
			return
		}
		all := q.exportAll()
		if flush != nil {
			flush <- all
		}
	}
}

// exportAll exports the spans that wait, and says whether export has taken all.
func (q *queue) exportAll() bool {
	all := true
	for batch := q.take(); len(batch) > 0; batch = q.take() {
		spans := make([]sdktrace.ReadOnlySpan, len(batch))
		for i, span := range batch {
			spans[i] = span
		}
		all = q.export(spans) == nil && all
		for _, span := range batch {
			span.list.recycle()
		}
		q.free(len(batch))
	}
	return all
}

func (q *queue) take() []*endedSpan {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), batchSize)
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch
}

func (q *queue) free(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= n
	q.stuck = false
	close(q.freed)
	q.freed = make(chan struct{})
}
