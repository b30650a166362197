// SPDX-License-Identifier: MIT

package main

/*
#cgo CFLAGS: -I${SRCDIR}/../front -I${SRCDIR}/../../include
#include <stdlib.h>
#include <string.h>
#include "core.h"

// A Go function can't call a C function pointer itself.
static void call_tell(uintptr_t tell, uintptr_t log, uintptr_t data, int level, const char *line, size_t length) {
	((void (*)(uintptr_t, uintptr_t, int, const char *, size_t))tell)(log, data, level, line, length);
}
*/
import "C"

import (
	"errors"
	"strings"
	"syscall"
	"unsafe"

	"go.opentelemetry.io/otel/codes"

	"runspan/internal/command"
	"runspan/internal/courier"
	"runspan/internal/schema"
	"runspan/internal/telemetry"
)

const (
	version     = C.RUNSPAN_VERSION
	sliceLowest = C.RUNSPAN_CORE_SLICE
)

var (
	errHandle   = errors.New("no such client or span is open")
	errArgument = errors.New("an argument is out of its range")
	errTooMany  = errors.New("too many clients or spans are open")

	errNotDelivered = errors.New("the collector does not have all spans yet")
)

// codeOf has the code of each error. The first error in the list that matches counts.
var codeOf = []struct {
	err  error
	code C.int
}{
	{telemetry.ErrSchema, C.RUNSPAN_E_SCHEMA},
	{errHandle, C.RUNSPAN_E_HANDLE},
	{telemetry.ErrEnded, C.RUNSPAN_E_HANDLE},
	{schema.ErrName, C.RUNSPAN_E_NAME},
	{schema.ErrType, C.RUNSPAN_E_TYPE},
	{schema.ErrValue, C.RUNSPAN_E_VALUE},
	{schema.ErrTooLong, C.RUNSPAN_E_TOO_LONG},
	{telemetry.ErrTooLate, C.RUNSPAN_E_TOO_LATE},
	{telemetry.ErrTooMany, C.RUNSPAN_E_TOO_MANY},
	{telemetry.ErrFull, C.RUNSPAN_DROPPED},
	{errTooMany, C.RUNSPAN_E_TOO_MANY},
	{errArgument, C.RUNSPAN_E_ARGUMENT},
	{errNotDelivered, C.RUNSPAN_NOT_DELIVERED},
	{courier.ErrEndpoint, C.RUNSPAN_E_ENDPOINT},
}

func code(err error) C.int {
	if err == nil {
		return C.RUNSPAN_DONE
	}
	for _, known := range codeOf {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return C.RUNSPAN_E_INTERNAL
}

// recovered turns a panic into E_INTERNAL. Every export defers it, because a panic that
// reached the host would end it.
func recovered(result *C.int) {
	if recover() != nil {
		*result = C.RUNSPAN_E_INTERNAL
	}
}

// host has the receiver of a client's log lines: a runspan_log and its data.
type host struct{ tell, log, data C.uintptr_t }

var levels = map[telemetry.Level]C.int{
	telemetry.LevelDebug:   C.RUNSPAN_LOG_DEBUG,
	telemetry.LevelWarning: C.RUNSPAN_LOG_WARNING,
	telemetry.LevelError:   C.RUNSPAN_LOG_ERROR,
	telemetry.LevelSpan:    C.RUNSPAN_LOG_SPAN,
}

// tell passes the waiting log lines to the host. Only exports call it, so that it runs on
// the host's thread, inside the host's call.
func (c *client) tell() {
	for _, line := range c.lines.Take() {
		text := C.CString(line.Text)
		C.call_tell(c.host.tell, c.host.log, c.host.data, levels[line.Level], text, C.size_t(len(line.Text)))
		C.free(unsafe.Pointer(text))
	}
}

// text returns a copy of the host's text, which may be NULL.
func text(s *C.char) string {
	t := C.GoString(s)
	testHook(t)
	return t
}

// borrowed returns the host's text without a copy. It is valid for the time of the call.
func borrowed(text *C.char, length C.size_t) string {
	t := unsafe.String((*byte)(unsafe.Pointer(text)), int(length))
	testHook(t)
	return t
}

func configOf(c *C.runspan_core_config) telemetry.Config {
	return telemetry.Config{
		Service:  text(c.service),
		Schema:   text(c.schema),
		Version:  version,
		Endpoint: text(c.endpoint),
		Folder:   text(c.spool),
		Network: courier.Network{
			Proxy:          text(c.proxy),
			ProxyVariable:  text(c.proxy_variable),
			NoProxy:        text(c.no_proxy),
			CertFile:       text(c.cert_file),
			CertDir:        text(c.cert_dir),
			RequestsBundle: text(c.requests_bundle),
			CurlBundle:     text(c.curl_bundle),
		},
		Preview: c.flags&C.RUNSPAN_PREVIEW != 0,
		Table:   c.flags&C.RUNSPAN_CORE_TABLE != 0,
		Strict:  c.flags&C.RUNSPAN_CORE_STRICT != 0,
	}
}

//export runspan_core_open
func runspan_core_open(c *C.runspan_core_config, handle *C.uint64_t) (result C.int) {
	defer recovered(&result)
	opened := &client{host: host{C.uintptr_t(uintptr(unsafe.Pointer(c.tell))), c.log, c.log_data}}
	defer opened.tell()
	number, err := clients.add(maxClients, func() (_ *client, err error) {
		config := configOf(c)
		if c.log != 0 {
			config.Log = opened.lines.Add
		}
		opened.strict = config.Strict
		opened.Client, err = telemetry.Open(config)
		return opened, err
	})
	*handle = C.uint64_t(number)
	return code(err)
}

//export runspan_core_set_resource
func runspan_core_set_resource(handle C.uint64_t, key *C.char, keyLength C.size_t, value *C.runspan_core_value) (result C.int) {
	defer recovered(&result)
	c, ok := clients.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	v, err := valueOf(value)
	if err != nil {
		return code(err)
	}
	return c.code(c.SetResource(borrowed(key, keyLength), v))
}

//export runspan_core_begin
func runspan_core_begin(handle C.uint64_t, name *C.char, nameLength C.size_t, begun *C.uint64_t) (result C.int) {
	defer recovered(&result)
	c, ok := clients.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer c.tell()
	number, err := spans.add(maxSpans, func() (*span, error) {
		s, err := c.Begin(borrowed(name, nameLength))
		return &span{s, c}, err
	})
	*begun = C.uint64_t(number)
	return code(err)
}

//export runspan_core_set_name
func runspan_core_set_name(handle C.uint64_t, name *C.char, nameLength C.size_t) (result C.int) {
	defer recovered(&result)
	return onSpan(handle, func(s *span) error { return s.SetName(borrowed(name, nameLength)) })
}

//export runspan_core_set
func runspan_core_set(handle C.uint64_t, key *C.char, keyLength C.size_t, value *C.runspan_core_value) (result C.int) {
	defer recovered(&result)
	return onSpan(handle, func(s *span) error {
		v, err := valueOf(value)
		if err != nil {
			return err
		}
		return s.Set(borrowed(key, keyLength), v)
	})
}

//export runspan_core_set_list
func runspan_core_set_list(handle C.uint64_t, list *C.char, size C.size_t) (result C.int) {
	defer recovered(&result)
	return onSpan(handle, func(s *span) error { return s.setList(borrowed(list, size)) })
}

//export runspan_core_set_error
func runspan_core_set_error(handle C.uint64_t, errorType *C.char, length C.size_t) (result C.int) {
	defer recovered(&result)
	return onSpan(handle, func(s *span) error { return s.Error(borrowed(errorType, length)) })
}

//export runspan_core_end
func runspan_core_end(handle C.uint64_t, status C.int) (result C.int) {
	defer recovered(&result)
	otel, ok := statuses[status]
	if !ok {
		return onSpan(handle, func(s *span) error { return s.client.RefuseStatus(int(status), errArgument) })
	}
	s, ok := spans.take(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer s.client.tell()
	return code(s.End(otel))
}

//export runspan_core_flush
func runspan_core_flush(handle C.uint64_t, timeoutMs C.uint32_t) (result C.int) {
	defer recovered(&result)
	c, ok := clients.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer c.tell()
	return delivered(c.wait(c.Flush, uint32(timeoutMs)))
}

//export runspan_core_close
func runspan_core_close(handle C.uint64_t, timeoutMs C.uint32_t) (result C.int) {
	defer recovered(&result)
	c, ok := clients.take(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer c.tell()
	spans.removeAll(func(s *span) bool { return s.client == c })
	return delivered(c.wait(c.Close, uint32(timeoutMs)))
}

//export runspan_core_state
func runspan_core_state(handle C.uint64_t) (result C.int) {
	defer recovered(&result)
	if _, ok := clients.get(uint64(handle)); !ok {
		return code(errHandle)
	}
	return code(nil)
}

// OpenTelemetry's protocol and its Go API number the statuses differently.
var statuses = map[C.int]codes.Code{
	C.RUNSPAN_STATUS_UNSET: codes.Unset,
	C.RUNSPAN_STATUS_OK:    codes.Ok,
	C.RUNSPAN_STATUS_ERROR: codes.Error,
}

// onSpan calls a function with the handle's span, and returns its code.
func onSpan(handle C.uint64_t, call func(*span) error) C.int {
	s, ok := spans.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return s.client.code(call(s))
}

// code returns the code of a call. The host of a strict client is told first what was
// refused.
func (c *client) code(err error) C.int {
	if err != nil && c.strict {
		c.tell()
	}
	return code(err)
}

func delivered(all bool) C.int {
	if !all {
		return code(errNotDelivered)
	}
	return code(nil)
}

//export runspan_core_command
func runspan_core_command(c *C.runspan_core_config, asked *C.runspan_core_request, fd C.int, exitStatus *C.int) (result C.int) {
	defer recovered(&result)
	words := make([]string, 0, int(asked.count))
	for _, word := range unsafe.Slice(asked.words, int(asked.count)) {
		words = append(words, text(word))
	}
	config := configOf(c)
	service := command.Service{Name: config.Service, Endpoint: config.Endpoint, Spool: config.Folder, Off: text(asked.why_off), Version: version}
	request := command.Request{Command: text(asked.name), Span: strings.Join(words, " "), Last: asked.last != 0, JSON: asked.json != 0}
	*exitStatus = C.int(command.Run(service, config.Schema, request, descriptor(fd)))
	return code(nil)
}

// descriptor is a file descriptor of the host's. An os.File would close it when it is
// garbage.
type descriptor int

// Write implements io.Writer.
func (d descriptor) Write(text []byte) (written int, err error) {
	for written < len(text) {
		n, err := syscall.Write(int(d), text[written:])
		if err != nil && err != syscall.EINTR {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}
