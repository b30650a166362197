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

// ended is a span that has ended. Its attributes are not the SDK's: to copy them
// there, to look for keys that are there twice, and to copy them again, is a
// fifth of what a span takes.
type ended struct {
	sdktrace.ReadOnlySpan
	attributes []attribute.KeyValue
	list       *list
}

// Attributes implements sdktrace.ReadOnlySpan.
func (e *ended) Attributes() []attribute.KeyValue { return e.attributes }

// queue holds the spans that have ended until export has taken them, in batches.
type queue struct {
	export func([]sdktrace.ReadOnlySpan) error
	added  chan struct{}  // a span has been added
	now    chan chan bool // flushes, which are told whether export has taken all
	ended  chan struct{}  // closed when nothing is exported any more

	mu      sync.Mutex
	waiting []*ended
	taken   int           // waiting, and with export
	freed   chan struct{} // closed, and another, when export has taken some
	stuck   bool          // somebody has waited for room in vain
}

func newQueue(export func([]sdktrace.ReadOnlySpan) error) *queue {
	return &queue{
		export: export,
		added:  make(chan struct{}, 1),
		now:    make(chan chan bool),
		ended:  make(chan struct{}),
		freed:  make(chan struct{}),
	}
}

// add appends a span. Where there is no room it waits, no longer than this; but
// after somebody has waited in vain nobody does, until there is some.
func (q *queue) add(span *ended, wait time.Duration) error {
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

// hasRoom is for add, which holds the lock. It waits without.
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

// flush has all that have been added exported now, and says whether they were, before
// ctx ended.
func (q *queue) flush(ctx context.Context) bool {
	if q.isEmpty() {
		return true
	}
	done := make(chan bool, 1)
	select {
	case q.now <- done:
	case <-q.ended:
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
	defer close(q.ended)
	for {
		var flush chan bool
		select {
		case <-q.added:
			select {
			case <-time.After(linger):
			case flush = <-q.now:
			case <-ctx.Done():
				return
			}
		case flush = <-q.now:
		case <-ctx.Done():
			return
		}
		all := q.exportAll()
		if flush != nil {
			flush <- all
		}
	}
}

// exportAll says whether all have been taken.
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

func (q *queue) take() []*ended {
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
