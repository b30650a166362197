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
	// The queue waits this long for more spans before it exports, so that a host that
	// ends many spans does not cause as many requests. A flush does not wait.
	linger = 5 * time.Millisecond
	// queueSize is how many ended spans the queue holds. The next span to end waits
	// for room, at most for maxQueueWait.
	queueSize    = 4096
	maxQueueWait = 250 * time.Millisecond
	batchSize    = 512
)

// ErrFull says that a span was dropped, because the queue stayed full.
var ErrFull = errors.New("the span was dropped: the queue stayed full")

// checkedSpan is the SDK's span with runspan's attributes. The SDK would copy them twice
// and search them for duplicate keys, which is a fifth of a span's time.
type checkedSpan struct {
	sdktrace.ReadOnlySpan
	attributes []attribute.KeyValue
}

// Attributes implements sdktrace.ReadOnlySpan.
func (d checkedSpan) Attributes() []attribute.KeyValue { return d.attributes }

// endedSpan is an ended span, and the list that its attributes begin in.
type endedSpan struct {
	checkedSpan
	list *list
}

// queue holds ended spans, and exports them in batches.
type queue struct {
	export  func([]sdktrace.ReadOnlySpan) error
	added   chan struct{}  // receives a value when a span is added
	flushes chan chan bool // each inner channel receives whether export has taken all spans
	stopped chan struct{}  // closed when run has ended

	mu      sync.Mutex
	waiting []*endedSpan
	taken   int           // number of spans in waiting and in export
	freed   chan struct{} // closed, and replaced, when export has taken a batch
	stuck   bool          // a span has waited for maxQueueWait, and there was no room
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

// add appends a span. If the queue is full, add waits for room, at most for wait. After
// one span has waited in vain, no other span waits until there is room. The error is
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

// hasRoom reports whether there is room, and waits for it. The caller holds q.mu;
// hasRoom unlocks it while it waits.
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

// flush exports the spans in the queue now. It reports whether export has taken all of
// them before ctx ended.
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

// run exports spans until ctx ends. It is the queue's goroutine.
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
		// select takes any case that is ready: a flush may come after ctx has ended.
		all := ctx.Err() == nil && q.exportAll()
		if flush != nil {
			flush <- all
		}
	}
}

// exportAll exports the spans in the queue. It reports whether export has taken all.
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
