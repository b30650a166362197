// SPDX-License-Identifier: MIT

// Package serve is a core in a process of its own, beside its host: it answers the calls
// of a front over a stream: a socket, or a pipe on Windows. capi/front/frame.h has the bytes.
//
//	serve.Run(socket, host, version)
//
// The process lives as long as the host has a client open. After a close it goes on
// delivering for the schema's linger_ms. When the stream ends the host has ended, too: a
// span that is open then is reported as aborted. If the host goes on, it has executed
// another program: then it is as if the core had been in the host (spool.Leave).
//
// HandOver is the other side, for a core in its host: it has a new process open clients,
// and ends the stream. So the process delivers what waits in the spools, as the next run
// would.
package serve

import (
	"errors"
	"io"
	"maps"
	"os"
	"sync"
	"time"

	"runspan/internal/contract"
	"runspan/internal/spool"
	"runspan/internal/telemetry"
)

// dying is how long a host may take from the end of its stream to its own.
const dying = 300 * time.Millisecond

// Run answers the calls that arrive on the stream, and returns when the stream or the
// host's process ends. host is the process id. The error says why the stream broke.
func Run(socket *os.File, host int, version string) error {
	front, err := newStream(socket)
	if err != nil {
		return err
	}
	defer front.close()
	s := &server{core: contract.New(nil), version: version, front: front, folders: make(map[string]struct{}), clients: make(map[uint64]*client), spans: make(map[uint64]span)}
	spool.Beside(host)
	defer watch(host, front.end)()
	_, _ = front.Write(answer(contract.Done, 0, 0, []byte(version+"\x00"))) // a host that hands over does not read it
	err = s.answerCalls()
	if s.core.HasSpans() && spool.HostGoesOn() {
		s.leaveSpans()
	}
	s.finish()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// leaveSpans leaves the standbys of the open spans to the host, if it goes on after the
// end of its stream. The program that it executes may look for them soon. The kernel
// closes a process's descriptors a little before the process has ended: then the spans
// are this process's again, unless such a program has removed their standbys.
func (s *server) leaveSpans() {
	left := s.eachFolder(spool.Leave)
	for end := time.Now().Add(dying); spool.HostGoesOn(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.core.Forget()
			s.eachFolder(spool.Leave) // what was being written
			spool.Beside(0)           // or this process would remove what it has left
			return
		}
	}
	if s.eachFolder(spool.TakeBack) < left {
		s.core.Forget()
	}
}

func (s *server) eachFolder(do func(string) int) (sum int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for folder := range s.folders {
		sum += do(folder)
	}
	return sum
}

// server answers one front.
type server struct {
	core    *contract.Core
	version string
	front   stream
	opening sync.WaitGroup // calls of open
	waiting sync.WaitGroup // calls that may wait

	mu      sync.Mutex
	folders map[string]struct{} // of all clients, for standbys
	linger  time.Duration       // the longest of all clients
	clients map[uint64]*client  // by the front's handles
	spans   map[uint64]span     // by the front's handles
}

// span is a span of the front's.
type span struct {
	handle uint64 // the core's
	client uint64 // the front's handle of its client
}

// client is a client of the front's. It keeps the log lines for the next answer.
type client struct {
	handle uint64 // the core's
	lines  telemetry.Lines
}

// Tell implements contract.Host.
func (c *client) Tell(lines []telemetry.Line) {
	for _, line := range lines {
		c.lines.Add(line.Level, line.Text)
	}
}

// answerCalls answers calls until the stream ends.
func (s *server) answerCalls() error {
	for {
		c, files, err := s.read()
		if err != nil {
			return err
		}
		if files == nil && c.number != callOpen {
			if _, err := s.front.Write(s.answer(c)); err != nil {
				return err
			}
			continue
		}
		going := &s.waiting
		if c.number == callOpen {
			going = &s.opening
		}
		going.Go(func() { s.wait(c, files) })
	}
}

// read reads a call, and the files that it carries.
func (s *server) read() (*call, []*os.File, error) {
	var header [callBytes]byte
	files, err := s.front.receive(header[:])
	if err != nil {
		return nil, nil, err
	}
	size := order.Uint32(header[:])
	if size > maxArgs {
		closeAll(files)
		return nil, nil, errFrame
	}
	c := &call{number: order.Uint32(header[4:]), handle: order.Uint64(header[8:]), args: args{left: make([]byte, size)}}
	if _, err := io.ReadFull(s.front, c.left); err != nil {
		closeAll(files)
		return nil, nil, err
	}
	return c, files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// answer carries out a call that does not wait, and returns its answer.
func (s *server) answer(c *call) []byte {
	owner := s.owner(c) // before the call, which may end the span
	code := s.carryOut(c)
	return answer(code, 0, owner, s.lines(owner))
}

// owner returns the front's handle of the client that a call belongs to.
func (s *server) owner(c *call) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if span, ok := s.spans[c.handle]; ok {
		return span.client
	}
	return c.handle
}

// lines returns a client's log lines, as many as the front reads.
func (s *server) lines(owner uint64) (b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[owner]; c != nil {
		for _, line := range c.lines.Take() {
			if len(b)+len(line.Text)+lineBytes <= maxArgs {
				b = appendLine(b, line)
			}
		}
	}
	return b
}

func (s *server) carryOut(c *call) (code contract.Code) {
	defer contract.Recovered(&code)
	err := s.dispatch(c)
	if c.err != nil {
		err = contract.ErrArgument
	}
	return contract.CodeOf(err)
}

func (s *server) dispatch(c *call) error {
	switch c.number {
	case callSetResource:
		return c.attribute(s.core.SetResource, s.client(c.handle))
	case callBegin:
		return s.begin(c)
	case callSetName:
		return s.core.SetName(s.span(c.handle), c.text())
	case callSet:
		return c.attribute(s.core.Set, s.span(c.handle))
	case callSetList:
		return s.core.SetList(s.span(c.handle), string(c.left))
	case callSetError:
		return s.core.SetError(s.span(c.handle), c.text())
	case callEnd:
		return s.end(c.handle, int(int32(c.uint32())))
	case callState:
		return s.core.State(s.client(c.handle))
	}
	return contract.ErrArgument
}

func (s *server) begin(c *call) error {
	chosen, name := c.uint64(), c.text()
	handle, err := s.core.Begin(s.client(c.handle), name)
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.spans[chosen] = span{handle, c.handle}
	}
	return err
}

// client returns the core's handle of a client, 0 if there is none.
func (s *server) client(handle uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[handle]; c != nil {
		return c.handle
	}
	return 0
}

func (s *server) span(handle uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spans[handle].handle
}

// end ends a span. Its handle stays if the status is not valid.
func (s *server) end(handle uint64, status int) error {
	err := s.core.End(s.span(handle), status)
	if !errors.Is(err, contract.ErrArgument) {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.spans, handle)
	}
	return err
}

// wait carries out a call that may wait, and answers on the call's own stream. A call of
// open without one has no answer: the core in a host hands over so.
func (s *server) wait(c *call, files []*os.File) {
	defer closeAll(files)
	code, exitStatus := s.carryOutWaiting(c, files)
	var err error
	if len(files) > 0 {
		_, err = files[0].Write(answer(code, exitStatus, c.handle, s.lines(c.handle)))
	}
	if err != nil && c.number == callOpen { // the front has waited for too long, and forgotten the client
		_ = s.close(c.handle, 0)
	}
	if c.number == callClose && code != contract.EHandle || c.number == callOpen && (err != nil || code != contract.Done) {
		s.forget(c.handle)
	}
}

// closed is the writer of a command whose output is closed.
type closed struct{}

// Write implements io.Writer.
func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }

// forget removes a client that is not open, and its spans.
func (s *server) forget(handle uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, handle)
	maps.DeleteFunc(s.spans, func(_ uint64, span span) bool { return span.client == handle })
}

func (s *server) carryOutWaiting(c *call, files []*os.File) (code contract.Code, exitStatus int) {
	defer contract.Recovered(&code)
	switch c.number {
	case callOpen:
		return contract.CodeOf(s.open(c)), 0
	case callFlush:
		return contract.CodeOf(s.core.Flush(s.client(c.handle), c.uint32())), 0
	case callClose:
		return contract.CodeOf(s.close(c.handle, c.uint32())), 0
	case callCommand:
		config, _ := c.config(s.version)
		request := c.request()
		if c.err != nil {
			return contract.EArgument, 0
		}
		var out io.Writer = closed{}
		if len(files) > 1 {
			out = files[1]
		}
		return contract.Done, s.core.Command(config, request, out)
	}
	return contract.EArgument, 0
}

func (s *server) open(c *call) error {
	config, log := c.config(s.version)
	if c.err != nil {
		return contract.ErrArgument
	}
	opened := &client{}
	s.mu.Lock()
	s.folders[config.Folder] = struct{}{}
	s.clients[c.handle] = opened // before it is open: a schema's faults are log lines
	s.mu.Unlock()
	var host contract.Host
	if log {
		host = opened
	}
	handle, err := s.core.Open(config, host)
	s.mu.Lock()
	defer s.mu.Unlock()
	opened.handle = handle
	s.linger = max(s.linger, s.core.Linger(handle))
	return err
}

// close closes a client. Its caller waits for the milliseconds; the delivery may go on
// for the schema's linger_ms.
func (s *server) close(handle uint64, milliseconds uint32) error {
	ended, err := s.core.CloseLater(s.client(handle), milliseconds)
	s.waiting.Go(func() { <-ended })
	return err
}

// late is how long after the linger_ms of all clients a file server may hold the process
// up.
const late = time.Second

// finish ends what the host has left open, and waits for the calls that go on.
func (s *server) finish() {
	atMost(late, s.opening.Wait)
	s.mu.Lock()
	linger := s.linger
	s.mu.Unlock()
	atMost(linger+late, func() {
		s.core.CloseAll()
		s.waiting.Wait()
	})
}

// atMost calls a function, and returns when it does, or after that time.
func atMost(longest time.Duration, call func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		call()
	}()
	select {
	case <-ended:
	case <-time.After(longest):
	}
}
