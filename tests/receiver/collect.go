// SPDX-License-Identifier: MIT

package receiver

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	protobufType = "application/x-protobuf"

	// maxBody bounds a body before and after decompression, so that a broken
	// client fails its test instead of exhausting the machine's memory.
	maxBody = 64 << 20
)

// collect records a request and only then answers it: a client that has its
// answer can rely on the record being there.
func (r *Receiver) collect(w http.ResponseWriter, hr *http.Request) {
	req := newRequest(hr)
	if r.opt.Lean && req.Err == nil {
		req.lean()
	}
	n := r.add(req)
	if r.opt.Respond != nil && r.opt.Respond(n, w, hr) {
		return
	}
	answer(w, req)
}

func newRequest(hr *http.Request) *Request {
	req := &Request{
		Time:   time.Now(),
		Via:    ViaDirect,
		Host:   hr.Host,
		Method: hr.Method,
		Path:   hr.URL.Path,
		Header: hr.Header.Clone(),
	}
	// net/http takes Host out of the headers; a record shows all that was sent.
	req.Header.Set("Host", hr.Host)
	if target, ok := targetOf(hr.Context()); ok {
		req.Via, req.Host = ViaProxy, target
	}
	req.Err = req.read(hr.Body)
	return req
}

// read fills in the body as far as it can be understood; what was read before
// an error stays in the record.
func (req *Request) read(body io.Reader) error {
	wire, err := readCapped(body)
	req.WireBytes = len(wire)
	if err != nil {
		return err
	}
	if req.Raw, err = decompress(wire, req.Header.Get("Content-Encoding")); err != nil {
		return err
	}
	if !req.served() {
		return fmt.Errorf("%s %s is not served", req.Method, req.Path)
	}
	req.Body, err = decode(req.Raw, req.Header.Get("Content-Type"))
	return err
}

func (req *Request) served() bool {
	return req.Method == http.MethodPost && req.Path == tracesPath
}

func readCapped(body io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(body, maxBody+1))
	if len(b) > maxBody {
		return b[:maxBody], errors.New("body is larger than 64 MiB")
	}
	return b, err
}

func decompress(wire []byte, encoding string) ([]byte, error) {
	switch encoding {
	case "", "identity":
		return wire, nil
	case "gzip":
		zr, err := gzip.NewReader(bytes.NewReader(wire))
		if err != nil {
			return nil, err
		}
		return readCapped(zr)
	default:
		return nil, fmt.Errorf("content encoding %q is not supported", encoding)
	}
}

func decode(raw []byte, contentType string) (*coltracepb.ExportTraceServiceRequest, error) {
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != protobufType {
		return nil, fmt.Errorf("content type is %q, not %s", contentType, protobufType)
	}
	body := new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(raw, body); err != nil {
		return nil, err
	}
	return body, nil
}

// answer sends an ExportTraceServiceResponse, which is empty and so no bytes
// at all, or the google.rpc.Status that OTLP wants as the body of an error.
func answer(w http.ResponseWriter, req *Request) {
	w.Header().Set("Content-Type", protobufType)
	if req.Err == nil {
		w.WriteHeader(http.StatusOK)
		return
	}
	status := http.StatusBadRequest
	if !req.served() {
		status = http.StatusNotFound
	}
	w.WriteHeader(status)
	// A client that has hung up needs no answer, so the error has no reader.
	_, _ = w.Write(rpcStatus(req.Err.Error()))
}

// rpcStatus encodes a google.rpc.Status by hand, since its Go type would bring
// in another module. Only field 2, the message, is set: OTLP leaves the code
// to the HTTP status.
func rpcStatus(message string) []byte {
	b := protowire.AppendTag(nil, 2, protowire.BytesType)
	return protowire.AppendString(b, message)
}
