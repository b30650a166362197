// SPDX-License-Identifier: MIT

// Package gate stands at the collector's public port: an HTTP middleware, as an
// extension of the OpenTelemetry Collector. It lets in what a client of runspan
// sends, POST /v1/traces in protobuf, and bounds what all others can cost:
//
//   - requests a minute from one client; 429 beyond,
//   - the size of a body, unpacked (413), and how many protobuf messages are in it
//     (400): two bytes can become a span of some hundred,
//   - the memory of all requests that are being read; 503 beyond,
//   - how many are decoded and written at the same time; the others wait.
//
// Clients that get 429 or 503 come back later, with Retry-After: runspan keeps
// what it could not send. It unpacks gzip itself: the receiver would do so before
// any of this is looked at (compression_algorithms: [] in its configuration).
//
// Nobody's address is kept: clients.go and log.go.
package gate

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	path        = "/v1/traces"
	contentType = "application/x-protobuf"
	chunk       = 4 << 10  // that a body begins with; it is doubled
	perRequest  = 16 << 10 // what Go has for one, of HTTP/2 without a connection of its own
	perGzip     = 48 << 10 // what gzip's reader has
)

var (
	errBusy     = errors.New("all requests together take too much memory")
	errTooBig   = errors.New("a report is smaller")
	errEncoding = errors.New("neither gzip nor nothing")
)

// gate is one handler's.
type gate struct {
	next     http.Handler
	clients  *clients
	size     int64         // that a body may have, unpacked
	messages int           // that a request may have
	memory   int64         // that requests may have together
	inUse    atomic.Int64  // of that
	slots    chan struct{} // for those that are decoded and written
	refused  func(status int)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	memory := share{of: g}
	defer func() { memory.giveBack(memory.bytes) }()
	status, body := g.admit(w, r, &memory)
	if status != http.StatusOK {
		g.refuse(w, status)
		return
	}
	select {
	case g.slots <- struct{}{}:
		defer func() { <-g.slots }()
	case <-r.Context().Done():
		// It has gone; or has closed its side only, and waits. Where nothing is
		// answered net/http answers 200.
		g.refuse(w, http.StatusServiceUnavailable)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Encoding")
	g.next.ServeHTTP(w, r)
}

// admit returns 200 and the body of a request that is let in, unpacked.
func (g *gate) admit(w http.ResponseWriter, r *http.Request, memory *share) (status int, body []byte) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.URL.Path != path:
		return http.StatusNotFound, nil
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, nil
	case err != nil || media != contentType:
		return http.StatusUnsupportedMediaType, nil
	case !g.clients.admit(r.RemoteAddr):
		return http.StatusTooManyRequests, nil
	}
	body, err = g.unpacked(w, r, memory)
	if err == nil && !bounded(body, g.messages) {
		err = errTooBig
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return http.StatusOK, body
	case errors.Is(err, errEncoding):
		w.Header().Set("Accept-Encoding", "gzip") // RFC 7694
		return http.StatusUnsupportedMediaType, nil
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, nil
	case errors.Is(err, errBusy), errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusServiceUnavailable, nil
	}
	return http.StatusBadRequest, nil
}

func (g *gate) refuse(w http.ResponseWriter, status int) {
	g.refused(status)
	switch status {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(window.Seconds())))
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Length", "0")
	w.Header().Set("Connection", "close") // don't read the rest of the body
	w.WriteHeader(status)
}

// A share is what one request has of the gate's memory.
type share struct {
	of    *gate
	bytes int64
}

func (s *share) take(bytes int64) error {
	if s.of.inUse.Add(bytes) > s.of.memory {
		s.of.inUse.Add(-bytes)
		return errBusy
	}
	s.bytes += bytes
	return nil
}

func (s *share) giveBack(bytes int64) {
	s.of.inUse.Add(-bytes)
	s.bytes -= bytes
}

var unzippers sync.Pool // of *gzip.Reader

func (g *gate) unpacked(w http.ResponseWriter, r *http.Request, memory *share) ([]byte, error) {
	if err := memory.take(perRequest); err != nil {
		return nil, err
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return read(http.MaxBytesReader(w, r.Body, g.size), memory)
	case "gzip":
	default:
		return nil, errEncoding
	}
	if err := memory.take(perGzip); err != nil {
		return nil, err
	}
	defer memory.giveBack(perGzip)
	unzipper, _ := unzippers.Get().(*gzip.Reader)
	if unzipper == nil {
		unzipper = new(gzip.Reader)
	}
	defer unzippers.Put(unzipper)
	if err := unzipper.Reset(r.Body); err != nil {
		return nil, err
	}
	return read(http.MaxBytesReader(w, unzipper, g.size), memory)
}

func read(from io.Reader, memory *share) (body []byte, err error) {
	for {
		if len(body) == cap(body) {
			more := max(chunk, cap(body))
			if err := memory.take(int64(more)); err != nil {
				return nil, err
			}
			grown := make([]byte, len(body), cap(body)+more)
			copy(grown, body)
			body = grown
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// message says which fields of a protobuf message are messages in turn.
type message map[protowire.Number]message

// request is OTLP's ExportTraceServiceRequest, by its field numbers.
var request = func() message {
	text := message{}
	value := message{}
	keyValue := message{2: value}
	value[5] = message{1: value}    // a list
	value[6] = message{1: keyValue} // a map
	attributes := func(at protowire.Number) message { return message{at: keyValue} }
	span := message{9: keyValue, 11: attributes(3), 13: attributes(4), 15: message{2: text}}
	spans := message{1: attributes(3), 2: span}
	entity := message{3: text, 4: text}
	return message{1: message{
		1:    message{1: keyValue, 3: entity},
		2:    spans,
		1000: spans, // of OTLP before 0.15; decoded still
	}}
}()

const (
	textBytes = 4 << 10
	deepest   = 8 // a value in the list of an event's attribute; lists of lists are no reports'
)

// bounded says whether the bytes are fields of protobuf, with no more of those
// that have a length than so many, in all of the messages, and none of them long
// but messages.
func bounded(encoded []byte, limit int) bool {
	return request.count(encoded, &limit, deepest)
}

func (m message) count(encoded []byte, left *int, deep int) bool {
	for len(encoded) > 0 {
		number, kind, length := protowire.ConsumeTag(encoded)
		if length < 0 {
			return false
		}
		encoded = encoded[length:]
		if kind != protowire.BytesType {
			if length = protowire.ConsumeFieldValue(number, kind, encoded); length < 0 {
				return false
			}
			encoded = encoded[length:]
			continue
		}
		content, length := protowire.ConsumeBytes(encoded)
		if length < 0 {
			return false
		}
		encoded = encoded[length:]
		if *left--; *left < 0 {
			return false
		}
		if inner := m[number]; len(inner) > 0 {
			if deep == 0 || !inner.count(content, left, deep-1) {
				return false
			}
		} else if len(content) > textBytes {
			return false
		}
	}
	return true
}
