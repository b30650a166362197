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
	chunk      = 4 << 10  // the first size of a body's buffer, which doubles
	perRequest = 16 << 10 // net/http's memory for one request on a shared HTTP/2 connection
	perGzip    = 48 << 10 // the memory of a gzip reader
)

// share is the part of the gate's memory that one request uses.
type share struct {
	gate  *gate
	bytes int64
}

func (s *share) take(bytes int64) error {
	if s.gate.inUse.Add(bytes) > s.gate.memory {
		s.gate.inUse.Add(-bytes)
		return errBusy
	}
	s.bytes += bytes
	return nil
}

func (s *share) giveBack(bytes int64) {
	s.gate.inUse.Add(-bytes)
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
