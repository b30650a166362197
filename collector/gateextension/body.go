// SPDX-License-Identifier: MIT

package gateextension

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

const (
	chunk      = 4 << 10  // that a body begins with; it is doubled
	perRequest = 16 << 10 // what Go has for one, of HTTP/2 without a connection of its own
	perGzip    = 48 << 10 // what gzip's reader has
)

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
