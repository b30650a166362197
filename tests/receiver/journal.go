// SPDX-License-Identifier: MIT

package receiver

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// journal is everything a Receiver has seen, in memory and, when a file is
// open, as lines of JSON. Its zero value is empty and in memory only.
type journal struct {
	mu       sync.Mutex
	requests []*Request
	asked    []string
	refused  []string
	arrived  chan struct{} // closed at the next request; made by who waits
	out      *os.File
	errs     []error
}

func (j *journal) open(path string) error {
	f, err := os.Create(path)
	j.out = f
	return err
}

func (j *journal) closeFile() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.out != nil {
		j.keep(j.out.Close())
		j.out = nil
	}
	return errors.Join(j.errs...)
}

// fail keeps an error of a background task for Close to return; nil is none.
func (j *journal) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keep(err)
}

// keep is fail for callers that hold the lock.
func (j *journal) keep(err error) {
	if err != nil {
		j.errs = append(j.errs, err)
	}
}

// add records a request and returns its number, the first being 1.
func (j *journal) add(req *Request) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.requests = append(j.requests, req)
	j.writeLine(req)
	if j.arrived != nil {
		close(j.arrived)
		j.arrived = nil
	}
	return len(j.requests)
}

// ask records a host the proxy was asked for, refused or not.
func (j *journal) ask(host string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asked = append(j.asked, host)
}

func (j *journal) refuse(host string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused = append(j.refused, host)
	j.writeLine(map[string]string{"refused": host})
}

// writeLine writes a line in one call and without a buffer, so that a process
// reading the file never sees half of one or misses one already answered.
func (j *journal) writeLine(v any) {
	if j.out == nil {
		return
	}
	line, err := json.Marshal(v)
	if err == nil {
		_, err = j.out.Write(append(line, '\n'))
	}
	j.keep(err)
}

// Requests returns all requests so far, in the order they were recorded. They
// are shared, not copied: do not change them.
func (j *journal) Requests() []*Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.requests)
}

// Asked returns the hosts the proxy was asked for, refused or not. A host is
// here even if the client then gave up, for example over the certificate.
func (j *journal) Asked() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.asked)
}

// Refused returns the hosts the proxy was asked for and refused.
func (j *journal) Refused() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.refused)
}

// Spans returns the spans of all requests so far. Spans of requests that a
// Respond hook turned down are among them, so a retry shows up as a duplicate.
func (j *journal) Spans() []Span {
	return flatten(j.Requests())
}

// WaitSpans waits until n spans or more have arrived and returns all of them.
// After timeout it returns those there are, and an error.
func (j *journal) WaitSpans(n int, timeout time.Duration) ([]Span, error) {
	deadline := time.After(timeout)
	for {
		arrived := j.next()
		spans := j.Spans()
		if len(spans) >= n {
			return spans, nil
		}
		select {
		case <-arrived:
		case <-deadline:
			return spans, fmt.Errorf("%d of %d spans after %v", len(spans), n, timeout)
		}
	}
}

// next must be called before looking at the records: a request that comes in
// between then still closes the channel.
func (j *journal) next() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.arrived == nil {
		j.arrived = make(chan struct{})
	}
	return j.arrived
}
