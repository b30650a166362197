// SPDX-License-Identifier: MIT

package gateextension

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
)

const (
	path        = "/v1/traces"
	contentType = "application/x-protobuf"
)

var (
	errBusy     = errors.New("all requests together need too much memory")
	errTooBig   = errors.New("the request has too many or too long fields")
	errEncoding = errors.New("the encoding is not gzip")
)

// gate is the middleware's handler.
type gate struct {
	next     http.Handler
	clients  *clients
	size     int64         // the largest size of a body after unpacking, in bytes
	messages int           // how many protobuf messages a request may have
	memory   int64         // how much memory all requests may use, in bytes
	inUse    atomic.Int64  // how much of it they use
	slots    chan struct{} // requests that are being decoded and written
	refused  func(status int)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	memory := share{gate: g}
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
		// The client is gone, or has closed only its side and waits. Without a
		// response of ours net/http would send 200.
		g.refuse(w, http.StatusServiceUnavailable)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Del("Content-Encoding")
	g.next.ServeHTTP(w, r)
}

// admit returns 200 and the unpacked body if the request may pass, else the status of
// the response.
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
	w.Header().Set("Connection", "close") // so that net/http does not read the rest of the body
	w.WriteHeader(status)
}
