// SPDX-License-Identifier: MIT

// Package gate stands at the collector's public port: an HTTP middleware, as an
// extension of the OpenTelemetry Collector. It lets in what a client of runspan
// sends, POST /v1/traces in protobuf, and bounds what all others can cost:
//
//   - requests a minute from one client; 429 beyond,
//   - the size of a body, unpacked (413), and how many protobuf messages are in it
//     (400): two bytes can become a span of some hundred,
//   - the memory of all bodies that are being read; 503 beyond,
//   - how many are decoded and written at the same time; the others wait.
//
// Clients that get 429 or 503 come back later, with Retry-After: runspan keeps
// what it could not send.
//
// Nobody's address is kept: clients.go and log.go.
package gate

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync/atomic"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	path        = "/v1/traces"
	contentType = "application/x-protobuf"
	chunk       = 4 << 10 // that a body begins with; it is doubled
)

var (
	errBusy   = errors.New("the bodies of all requests together are too large")
	errTooBig = errors.New("a report is smaller")
)

// gate is one handler's.
type gate struct {
	next     http.Handler
	clients  *clients
	messages int           // that a request may have
	memory   int64         // that bodies may have together
	inUse    atomic.Int64  // of that
	slots    chan struct{} // for those that are decoded and written
	refused  func(status int)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, body := g.admit(w, r); status != http.StatusOK {
		g.refuse(w, status)
	} else {
		defer g.inUse.Add(-int64(cap(body)))
		select {
		case g.slots <- struct{}{}:
			defer func() { <-g.slots }()
		case <-r.Context().Done(): // it has gone
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		g.next.ServeHTTP(w, r)
	}
}

// admit returns 200 and the body of a request that is let in, whose capacity is
// in use from then on.
func (g *gate) admit(w http.ResponseWriter, r *http.Request) (status int, body []byte) {
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
	body, err = g.read(r.Body)
	if err == nil && !bounded(body, g.messages) {
		err = errTooBig
	}
	if err == nil {
		return http.StatusOK, body
	}
	g.inUse.Add(-int64(cap(body)))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, nil
	case errors.Is(err, errBusy):
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

// read reads a body; what it returns, with an error too, has its capacity in
// use.
func (g *gate) read(from io.Reader) ([]byte, error) {
	var body []byte
	for {
		if len(body) == cap(body) {
			more := max(chunk, cap(body))
			if g.inUse.Add(int64(more)) > g.memory {
				g.inUse.Add(-int64(more))
				return body, errBusy
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
			return body, err
		}
	}
}

// message says which fields of a protobuf message are messages in turn.
type message map[protowire.Number]message

// request is OTLP's ExportTraceServiceRequest, by its field numbers.
var request = func() message {
	leaf := message{}
	attribute := message{2: message{5: message{1: leaf}, 6: message{1: leaf}}} // lists of lists are no reports'
	attributes := func(at protowire.Number) message { return message{at: attribute} }
	span := message{9: attribute, 11: attributes(3), 13: attributes(4), 15: leaf}
	return message{1: message{
		1: message{1: attribute, 3: leaf},
		2: message{1: attributes(3), 2: span},
	}}
}()

// bounded says whether the bytes are fields of protobuf, with no more of those
// that have a length than so many, in all of the messages. What lies in leaves is
// not counted, and therefore has to be small.
func bounded(encoded []byte, limit int) bool {
	return request.count(encoded, &limit)
}

const leafBytes = 4 << 10

func (m message) count(encoded []byte, left *int) bool {
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
		if inner, ok := m[number]; ok && len(inner) > 0 {
			if !inner.count(content, left) {
				return false
			}
		} else if len(content) > leafBytes {
			return false
		}
	}
	return true
}
