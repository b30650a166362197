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

static int call_spawn(uintptr_t spawn) {
	return ((int (*)(void))spawn)();
}
*/
import "C"

import (
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"runspan/internal/contract"
	"runspan/internal/courier"
	"runspan/internal/serve"
	"runspan/internal/telemetry"
)

var core = contract.New(handOver)

// spawn is the front's function that starts a process beside the host. All clients have
// the same one.
var spawn atomic.Uintptr

// handOver has a process beside the host deliver what these clients have left.
func handOver(clients []telemetry.Config) {
	if socket := C.call_spawn(C.uintptr_t(spawn.Load())); socket >= 0 {
		_ = serve.HandOver(int(socket), clients) // after an error the next run delivers
	}
}

func code(err error) C.int { return C.int(contract.CodeOf(err)) }

// recovered turns a panic into E_INTERNAL. Every export defers it, because a panic that
// reached the host would end it.
func recovered(result *C.int) {
	if recover() != nil {
		*result = C.RUNSPAN_E_INTERNAL
	}
}

// host has the receiver of a client's log lines: a runspan_log and its data.
type host struct{ tell, log, data C.uintptr_t }

// Tell implements contract.Host. It runs on the host's thread, inside the host's call.
func (h host) Tell(lines []telemetry.Line) {
	for _, line := range lines {
		text := C.CString(line.Text)
		C.call_tell(h.tell, h.log, h.data, C.int(contract.Levels[line.Level]), text, C.size_t(len(line.Text)))
		C.free(unsafe.Pointer(text))
	}
}

// text returns a copy of the host's text, which may be NULL.
func text(s *C.char) string {
	t := C.GoString(s)
	contract.TestHook(t)
	return t
}

// borrowed returns the host's text without a copy. It is valid for the time of the call.
func borrowed(text *C.char, length C.size_t) string {
	t := unsafe.String((*byte)(unsafe.Pointer(text)), int(length))
	contract.TestHook(t)
	return t
}

func configOf(c *C.runspan_core_config) telemetry.Config {
	return telemetry.Config{
		Service:  text(c.service),
		Schema:   text(c.schema),
		Version:  C.RUNSPAN_VERSION,
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
func runspan_core_open(c *C.runspan_core_config, client *C.uint64_t) (result C.int) {
	defer recovered(&result)
	var log contract.Host
	if c.log != 0 {
		log = host{C.uintptr_t(uintptr(unsafe.Pointer(c.tell))), c.log, c.log_data}
	}
	spawn.Store(uintptr(unsafe.Pointer(c.spawn)))
	handle, err := core.Open(configOf(c), log)
	*client = C.uint64_t(handle)
	return code(err)
}

//export runspan_core_set_resource
func runspan_core_set_resource(client C.uint64_t, key *C.char, keyLength C.size_t, value *C.runspan_core_value) (result C.int) {
	defer recovered(&result)
	return code(core.SetResource(uint64(client), borrowed(key, keyLength), valueOf(value)))
}

//export runspan_core_begin
func runspan_core_begin(client C.uint64_t, name *C.char, nameLength C.size_t, span *C.uint64_t) (result C.int) {
	defer recovered(&result)
	handle, err := core.Begin(uint64(client), borrowed(name, nameLength))
	*span = C.uint64_t(handle)
	return code(err)
}

//export runspan_core_set_name
func runspan_core_set_name(span C.uint64_t, name *C.char, nameLength C.size_t) (result C.int) {
	defer recovered(&result)
	return code(core.SetName(uint64(span), borrowed(name, nameLength)))
}

//export runspan_core_set
func runspan_core_set(span C.uint64_t, key *C.char, keyLength C.size_t, value *C.runspan_core_value) (result C.int) {
	defer recovered(&result)
	return code(core.Set(uint64(span), borrowed(key, keyLength), valueOf(value)))
}

//export runspan_core_set_list
func runspan_core_set_list(span C.uint64_t, list *C.char, size C.size_t) (result C.int) {
	defer recovered(&result)
	return code(core.SetList(uint64(span), borrowed(list, size)))
}

//export runspan_core_set_error
func runspan_core_set_error(span C.uint64_t, errorType *C.char, length C.size_t) (result C.int) {
	defer recovered(&result)
	return code(core.SetError(uint64(span), borrowed(errorType, length)))
}

//export runspan_core_end
func runspan_core_end(span C.uint64_t, status C.int) (result C.int) {
	defer recovered(&result)
	return code(core.End(uint64(span), int(status)))
}

//export runspan_core_flush
func runspan_core_flush(client C.uint64_t, timeoutMs C.uint32_t) (result C.int) {
	defer recovered(&result)
	return code(core.Flush(uint64(client), uint32(timeoutMs)))
}

//export runspan_core_close
func runspan_core_close(client C.uint64_t, timeoutMs C.uint32_t) (result C.int) {
	defer recovered(&result)
	return code(core.Close(uint64(client), uint32(timeoutMs)))
}

//export runspan_core_state
func runspan_core_state(client C.uint64_t) (result C.int) {
	defer recovered(&result)
	return code(core.State(uint64(client)))
}

//export runspan_core_command
func runspan_core_command(c *C.runspan_core_config, asked *C.runspan_core_request, fd C.int, exitStatus *C.int) (result C.int) {
	defer recovered(&result)
	words := make([]string, 0, int(asked.count))
	for _, word := range unsafe.Slice(asked.words, int(asked.count)) {
		words = append(words, text(word))
	}
	request := contract.Request{
		Name: text(asked.name), Words: words, Last: asked.last != 0, JSON: asked.json != 0, WhyOff: text(asked.why_off), Core: text(asked.core),
	}
	*exitStatus = C.int(core.Command(configOf(c), request, descriptor(fd)))
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

//export runspan_core_serve
func runspan_core_serve(socket, host C.int) (result C.int) {
	defer recovered(&result)
	if serve.Run(os.NewFile(uintptr(socket), "socket"), int(host), C.RUNSPAN_VERSION) != nil {
		return 1
	}
	return 0
}
