// SPDX-License-Identifier: MIT

package contract

import (
	"sync"
	"time"

	"runspan/internal/schema"
	"runspan/internal/telemetry"
)

// handOver has a process beside the host deliver what the closed clients of this process
// have left. It starts one process at a time, after the last close.
type handOver struct {
	deliver func([]telemetry.Config) // nil: there is no such process

	mu    sync.Mutex
	open  int                // clients that are open, or are being closed
	left  []telemetry.Config // of closed clients, whose batches no process has got yet
	until time.Time          // the last process may live until then
}

func (h *handOver) opened() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open++
}

// closed counts a client that is closed. After the last one it calls deliver.
func (h *handOver) closed(c *client) {
	handsOver := h.deliver != nil && c.HandsOver() // without the lock: it reads a file
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
	if handsOver {
		h.add(c)
	}
	if h.open > 0 || len(h.left) == 0 || time.Now().Before(h.until) {
		return
	}
	h.deliver(h.left)
	h.left, h.until = nil, time.Now().Add(schema.MaxLinger+time.Second)
}

// add adds a client, unless one with the same spool is there already.
func (h *handOver) add(c *client) {
	for _, other := range h.left {
		if other.Folder == c.config.Folder {
			return
		}
	}
	h.left = append(h.left, c.config)
}
