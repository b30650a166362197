// SPDX-License-Identifier: MIT

// Package contract is the core's side of the contract with the front
// (capi/front/core.h), in Go: the clients and spans of handles, and the code of each
// error. capi/core offers it to a front in the same process, internal/serve to a front in
// another.
package contract

import (
	"context"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"

	"runspan/internal/command"
	"runspan/internal/telemetry"
)

// Host receives the log lines of a client.
type Host interface {
	// Tell is called inside a call of the host's, on its goroutine.
	Tell(lines []telemetry.Line)
}

// Core has the clients and spans of one process. Several goroutines may call its methods.
// The texts of arguments need to be valid for the time of the call only.
type Core struct {
	clients  *registry[*client]
	spans    *registry[*span]
	handOver handOver
}

// New returns a core without clients. deliver has a process beside the host deliver the
// batches that clients with these options have left in their spools; nil: the batches wait
// for the next run.
func New(deliver func([]telemetry.Config)) *Core {
	return &Core{clients: newRegistry[*client](), spans: newRegistry[*span](), handOver: handOver{deliver: deliver}}
}

// Open opens a client. Its log lines go to the host, which may be nil.
func (c *Core) Open(config telemetry.Config, host Host) (handle uint64, err error) {
	opened := &client{host: host, strict: config.Strict, config: config}
	defer opened.tell()
	return c.clients.add(maxClients, func() (_ *client, err error) {
		if host != nil {
			config.Log = opened.lines.Add
		}
		opened.Client, err = telemetry.Open(config)
		if err == nil {
			c.handOver.opened()
		}
		return opened, err
	})
}

// SetResource sets an attribute of a client's resource.
func (c *Core) SetResource(handle uint64, key string, v telemetry.Value) error {
	client, ok := c.clients.get(handle)
	if !ok {
		return errHandle
	}
	return client.checked(client.SetResource(key, v))
}

// Begin begins a span of a client.
func (c *Core) Begin(handle uint64, name string) (begun uint64, err error) {
	client, ok := c.clients.get(handle)
	if !ok {
		return 0, errHandle
	}
	defer client.tell()
	return c.spans.add(maxSpans, func() (*span, error) {
		s, err := client.Begin(name)
		return &span{s, client}, err
	})
}

// SetName renames a span.
func (c *Core) SetName(handle uint64, name string) error {
	return c.onSpan(handle, func(s *span) error { return s.SetName(name) })
}

// Set sets an attribute of a span.
func (c *Core) Set(handle uint64, key string, v telemetry.Value) error {
	return c.onSpan(handle, func(s *span) error { return s.Set(key, v) })
}

// SetList sets the attributes of a list; runspan_set_attrs describes its form.
func (c *Core) SetList(handle uint64, list string) error {
	return c.onSpan(handle, func(s *span) error { return s.setList(list) })
}

// SetError records that an exception of that type ended the run.
func (c *Core) SetError(handle uint64, errorType string) error {
	return c.onSpan(handle, func(s *span) error { return s.Error(errorType) })
}

// OpenTelemetry's protocol and its Go API number the statuses differently.
var statuses = map[int]codes.Code{0: codes.Unset, 1: codes.Ok, 2: codes.Error}

// End ends a span, and its handle, with a status of OpenTelemetry's protocol.
func (c *Core) End(handle uint64, status int) error {
	otel, ok := statuses[status]
	if !ok {
		return c.onSpan(handle, func(s *span) error { return s.client.RefuseStatus(status, ErrArgument) })
	}
	s, ok := c.spans.take(handle)
	if !ok {
		return errHandle
	}
	defer s.client.tell()
	return s.End(otel)
}

// Flush waits until a client's ended spans are delivered, at most for the timeout.
func (c *Core) Flush(handle uint64, milliseconds uint32) error {
	client, ok := c.clients.get(handle)
	if !ok {
		return errHandle
	}
	defer client.tell()
	return client.wait(client.Flush, milliseconds)
}

// Close ends a client, its spans, and their handles. It waits as Flush does.
func (c *Core) Close(handle uint64, milliseconds uint32) error {
	client, ok := c.clients.take(handle)
	if !ok {
		return errHandle
	}
	defer client.tell()
	c.spans.removeAll(func(s *span) bool { return s.client == client })
	defer c.handOver.closed(client)
	return client.wait(client.Close, milliseconds)
}

// CloseLater is Close for a core whose process outlives the call: it returns after the
// timeout, and the delivery goes on for the schema's linger. ended is closed when the
// delivery has ended, too.
func (c *Core) CloseLater(handle uint64, milliseconds uint32) (ended <-chan struct{}, err error) {
	end := make(chan struct{})
	client, ok := c.clients.take(handle)
	if !ok {
		close(end)
		return end, errHandle
	}
	defer client.tell()
	c.spans.removeAll(func(s *span) bool { return s.client == client })
	err = client.wait(func(ctx context.Context) bool { return client.Finish(ctx, client.Linger()) }, milliseconds)
	go func() {
		defer close(end)
		ctx, cancel := context.WithTimeout(context.Background(), client.Linger())
		defer cancel()
		client.Finish(ctx, 0) // the batches of other runs, too
		client.Stop(ctx)
	}()
	return end, err
}

// CloseAll closes all clients, and waits for their deliveries.
func (c *Core) CloseAll() {
	var ends []<-chan struct{}
	for _, handle := range c.clients.handles() {
		ended, _ := c.CloseLater(handle, 0)
		ends = append(ends, ended)
	}
	for _, ended := range ends {
		<-ended
	}
}

// Linger returns how long a client's delivery may go on after CloseLater, 0 if there is no
// such client.
func (c *Core) Linger(handle uint64) time.Duration {
	if client, ok := c.clients.get(handle); ok {
		return client.Linger()
	}
	return 0
}

// HasSpans reports whether a span is open.
func (c *Core) HasSpans() bool { return len(c.spans.handles()) > 0 }

// Forget forgets the open spans of all clients. They are not reported.
func (c *Core) Forget() {
	for _, handle := range c.clients.handles() {
		if client, ok := c.clients.get(handle); ok {
			client.Forget()
		}
	}
}

// State returns nil if the client is open.
func (c *Core) State(handle uint64) error {
	if _, ok := c.clients.get(handle); !ok {
		return errHandle
	}
	return nil
}

// onSpan calls a function with the handle's span.
func (c *Core) onSpan(handle uint64, call func(*span) error) error {
	s, ok := c.spans.get(handle)
	if !ok {
		return errHandle
	}
	return s.client.checked(call(s))
}

// Request is a user's command that shows something.
type Request struct {
	Name   string
	Words  []string // of preview: the words of the span's name
	Last   bool
	JSON   bool
	WhyOff string // why telemetry is off, in words; empty: it is on
	Core   string // where the core is, in words
}

// Command carries out a user's command, writes to out, and returns an exit status.
func (c *Core) Command(config telemetry.Config, r Request, out io.Writer) (exitStatus int) {
	service := command.Service{Name: config.Service, Endpoint: config.Endpoint, Spool: config.Folder, Off: r.WhyOff, Core: r.Core, Version: config.Version}
	asked := command.Request{Command: r.Name, Span: strings.Join(r.Words, " "), Last: r.Last, JSON: r.JSON}
	return command.Run(service, config.Schema, asked, out)
}
