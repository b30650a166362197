// SPDX-License-Identifier: MIT

//go:build !unix

package serve

import (
	"errors"
	"os"
)

const rightsBytes = 0

// stream is the file to the front. No descriptors come with a call here.
type stream struct{ file *os.File }

func newStream(*os.File) (stream, error) {
	return stream{}, errors.New("there is no core beside its host on this system yet")
}

// Read implements io.Reader.
func (s stream) Read(b []byte) (int, error) { return s.file.Read(b) }

func (s stream) receive(b, _ []byte) (int, []*os.File, error) {
	n, err := s.file.Read(b)
	return n, nil, err
}

// Write implements io.Writer.
func (s stream) Write(b []byte) (int, error) { return s.file.Write(b) }

func (s stream) end() { s.close() }

func (s stream) close() { _ = s.file.Close() }
