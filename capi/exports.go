// SPDX-License-Identifier: MIT

package main

/*
#cgo CFLAGS: -I${SRCDIR}/front -I${SRCDIR}/../include
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

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"runspan/internal/command"
	"runspan/internal/courier"
	"runspan/internal/run"
	"runspan/internal/schema"
)

const (
	version   = C.RUNSPAN_VERSION
	userAgent = "runspan/" + C.RUNSPAN_VERSION

	sliceLowest = C.RUNSPAN_CORE_SLICE

	levelDebug   level = C.RUNSPAN_LOG_DEBUG
	levelWarning level = C.RUNSPAN_LOG_WARNING
	levelSpan    level = C.RUNSPAN_LOG_SPAN
)

var (
	errHandle   = errors.New("no such client or span is open")
	errArgument = errors.New("an argument is out of its range")
	errTooMany  = errors.New("too many are open")
	errSchema   = errors.New("the schema is not valid")

	errNotDelivered = errors.New("the collector does not have everything yet")
)

// A code stands for the first error of the list that it is.
var codeOf = []struct {
	err  error
	code C.int
}{
	{errSchema, C.RUNSPAN_E_SCHEMA},
	{errHandle, C.RUNSPAN_E_HANDLE},
	{run.ErrEnded, C.RUNSPAN_E_HANDLE},
	{schema.ErrName, C.RUNSPAN_E_NAME},
	{schema.ErrType, C.RUNSPAN_E_TYPE},
	{schema.ErrValue, C.RUNSPAN_E_VALUE},
	{schema.ErrTooLong, C.RUNSPAN_E_TOO_LONG},
	{run.ErrTooLate, C.RUNSPAN_E_TOO_LATE},
	{run.ErrTooMany, C.RUNSPAN_E_TOO_MANY},
	{run.ErrFull, C.RUNSPAN_DROPPED},
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

// recovered is deferred by every export: a panic that reached the host would
// end it.
func recovered(result *C.int) {
	if recover() != nil {
		*result = C.RUNSPAN_E_INTERNAL
	}
}

// host is where a client's log lines go: a runspan_log and its data.
type host struct{ tell, log, data C.uintptr_t }

// tell gives the host the lines that wait. The caller is an export, so this is
// the host's thread, inside its call.
func (c *client) tell() {
	for _, line := range c.lines.take() {
		text := C.CString(line.text)
		C.call_tell(c.host.tell, c.host.log, c.host.data, C.int(line.level), text, C.size_t(len(line.text)))
		C.free(unsafe.Pointer(text))
	}
}

// text is a copy of the host's text, which may be NULL.
func text(s *C.char) string {
	t := C.GoString(s)
	testHook(t)
	return t
}

// borrowed is the host's text, without a copy: for the time of the call.
func borrowed(text *C.char, length C.size_t) string {
	t := unsafe.String((*byte)(unsafe.Pointer(text)), int(length))
	testHook(t)
	return t
}

func configOf(c *C.runspan_core_config) *config {
	return &config{
		service:  text(c.service),
		schema:   text(c.schema),
		endpoint: text(c.endpoint),
		spool:    text(c.spool),
		network: courier.Network{
			Proxy:          text(c.proxy),
			ProxyVariable:  text(c.proxy_variable),
			NoProxy:        text(c.no_proxy),
			CertFile:       text(c.cert_file),
			CertDir:        text(c.cert_dir),
			RequestsBundle: text(c.requests_bundle),
			CurlBundle:     text(c.curl_bundle),
		},
		preview: c.flags&C.RUNSPAN_PREVIEW != 0,
		table:   c.flags&C.RUNSPAN_CORE_TABLE != 0,
		host:    host{C.uintptr_t(uintptr(unsafe.Pointer(c.tell))), c.log, c.log_data},
	}
}

//export runspan_core_open
func runspan_core_open(c *C.runspan_core_config, handle *C.uint64_t) (result C.int) {
	defer recovered(&result)
	var opened *client
	number, err := clients.add(maxClients, func() (_ *client, err error) {
		opened, err = openClient(configOf(c))
		return opened, err
	})
	*handle = C.uint64_t(number)
	if opened != nil {
		opened.tell()
	}
	return code(err)
}

//export runspan_core_set_resource_string
func runspan_core_set_resource_string(handle C.uint64_t, key *C.char, keyLen C.size_t, value *C.char, valueLen C.size_t) (result C.int) {
	defer recovered(&result)
	return setResource(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return stringValue(f, borrowed(value, valueLen))
	})
}

//export runspan_core_set_resource_int
func runspan_core_set_resource_int(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.int64_t) (result C.int) {
	defer recovered(&result)
	return setResource(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.Int64Value(int64(value)), f.Int(int64(value))
	})
}

//export runspan_core_set_resource_double
func runspan_core_set_resource_double(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.double) (result C.int) {
	defer recovered(&result)
	return setResource(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.Float64Value(float64(value)), f.Double(float64(value))
	})
}

//export runspan_core_set_resource_bool
func runspan_core_set_resource_bool(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.int) (result C.int) {
	defer recovered(&result)
	return setResource(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.BoolValue(value != 0), f.Bool()
	})
}

//export runspan_core_begin
func runspan_core_begin(handle C.uint64_t, name *C.char, nameLen C.size_t, begun *C.uint64_t) (result C.int) {
	defer recovered(&result)
	c, ok := clients.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer c.tell()
	number, err := spans.add(maxSpans, func() (*span, error) {
		s, err := c.Begin(borrowed(name, nameLen))
		return &span{s, c}, err
	})
	*begun = C.uint64_t(number)
	return code(err)
}

//export runspan_core_set_name
func runspan_core_set_name(handle C.uint64_t, name *C.char, nameLen C.size_t) (result C.int) {
	defer recovered(&result)
	s, ok := spans.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return code(s.SetName(borrowed(name, nameLen)))
}

//export runspan_core_set_attr_string
func runspan_core_set_attr_string(handle C.uint64_t, key *C.char, keyLen C.size_t, value *C.char, valueLen C.size_t) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return stringValue(f, borrowed(value, valueLen))
	})
}

//export runspan_core_set_attr_int
func runspan_core_set_attr_int(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.int64_t) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.Int64Value(int64(value)), f.Int(int64(value))
	})
}

//export runspan_core_set_attr_double
func runspan_core_set_attr_double(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.double) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.Float64Value(float64(value)), f.Double(float64(value))
	})
}

//export runspan_core_set_attr_bool
func runspan_core_set_attr_bool(handle C.uint64_t, key *C.char, keyLen C.size_t, value C.int) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		return attribute.BoolValue(value != 0), f.Bool()
	})
}

//export runspan_core_set_attr_strings
func runspan_core_set_attr_strings(handle C.uint64_t, key *C.char, keyLen C.size_t, values **C.char, count C.size_t) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(f *schema.Field) (attribute.Value, error) {
		list := make([]string, int(count))
		for i, v := range unsafe.Slice(values, int(count)) {
			list[i] = borrowed(v, C.strnlen(v, C.RUNSPAN_TEXT_MAX))
		}
		texts, err := f.Strings(list)
		return attribute.StringSliceValue(texts), err
	})
}

//export runspan_core_set_attr_null
func runspan_core_set_attr_null(handle C.uint64_t, key *C.char, keyLen C.size_t) (result C.int) {
	defer recovered(&result)
	return setAttr(handle, borrowed(key, keyLen), func(*schema.Field) (attribute.Value, error) {
		return attribute.Value{}, nil
	})
}

//export runspan_core_set_attrs
func runspan_core_set_attrs(handle C.uint64_t, list *C.char, size C.size_t) (result C.int) {
	defer recovered(&result)
	s, ok := spans.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return code(s.setAll(borrowed(list, size)))
}

//export runspan_core_set_error
func runspan_core_set_error(handle C.uint64_t, errorType *C.char, length C.size_t) (result C.int) {
	defer recovered(&result)
	s, ok := spans.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return code(s.Error(borrowed(errorType, length)))
}

//export runspan_core_end
func runspan_core_end(handle C.uint64_t, status C.int) (result C.int) {
	defer recovered(&result)
	otel, ok := statuses[status]
	if !ok {
		return code(errArgument)
	}
	s, ok := spans.take(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	defer s.client.tell()
	return code(s.end(otel))
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

func setResource(handle C.uint64_t, key string, check func(*schema.Field) (attribute.Value, error)) C.int {
	c, ok := clients.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return code(c.SetResource(key, check))
}

func setAttr(handle C.uint64_t, key string, check func(*schema.Field) (attribute.Value, error)) C.int {
	s, ok := spans.get(uint64(handle))
	if !ok {
		return code(errHandle)
	}
	return code(s.Set(key, check))
}

func stringValue(f *schema.Field, v string) (attribute.Value, error) {
	text, err := f.String(v)
	return attribute.StringValue(text), err
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
	cfg := configOf(c)
	service := command.Service{Name: cfg.service, Endpoint: cfg.endpoint, Spool: cfg.spool, Off: text(asked.why_off)}
	request := command.Request{Command: text(asked.name), Span: strings.Join(words, " "), Last: asked.last != 0, JSON: asked.json != 0}
	*exitStatus = C.int(runCommand(service, cfg.schema, request, descriptor(fd)))
	return code(nil)
}

// descriptor is one of the host's. An os.File would close it in the end.
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
