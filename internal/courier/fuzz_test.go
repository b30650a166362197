// SPDX-License-Identifier: MIT

package courier

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/spool"
)

// FuzzResponse has a collector answer anything. The batch is delivered or
// refused, and gone, or it is kept; a flush ends in time.
func FuzzResponse(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 4\r\n\r\n\x0a\x02\x08\x01",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
		"HTTP/1.1 503 Busy\r\nRetry-After: 10000000000000000000000\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 429 Slow\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n\r\n",
		"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 No\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 999 \r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"220 mail.example ESMTP\r\n",
		"",
	} {
		f.Add([]byte(seed))
	}
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{{}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, response []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 1<<12))
				_, _ = c.Write(response)
				c.Close()
			}
		}()
		folder := filepath.Join(t.TempDir(), "service")
		store := spool.Open(folder, spool.Limits{Files: 10, Bytes: 1 << 20, Age: time.Hour}, func([]byte) error { return nil }, func(string) {})
		if err := store.Put(request, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		begun := time.Now()
		c := New(Destination{URL: "http://" + l.Addr().String() + "/"}, "fuzz", &Network{}, store, func(string) {})
		delivered := c.Flush(ctx)
		c.Close(ctx)
		store.Close(ctx)
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		again := spool.Open(folder, spool.Limits{Files: 10, Bytes: 1 << 20, Age: time.Hour}, func([]byte) error { return nil }, func(string) {})
		defer again.Close(ctx)
		if kept := again.Claim(); delivered != (kept == nil) || kept != nil && !bytes.Equal(kept.Request, request) {
			t.Errorf("delivered: %v, and in the spool is %v", delivered, kept)
		}
		if pause := again.Pause(); delivered && pause != (spool.Pause{}) {
			t.Errorf("delivered, and then a pause: %v", pause)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "0", "-1", "1e9", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "soon"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if length, ok := retryAfter(header); length < 0 || length > spool.LongestPause || !ok && length != 0 {
			t.Errorf("%q: %v %v", header, length, ok)
		}
	})
}

// FuzzRawSpans shows that what is sent is, byte for byte, what was stored.
func FuzzRawSpans(f *testing.F) {
	request, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{
		{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{Name: "call"}}}}}, {SchemaUrl: "x"},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Add(request[:len(request)-1])
	f.Add([]byte("\x0a\x00\x10\x01"))
	f.Fuzz(func(t *testing.T, request []byte) {
		spans, err := rawSpans(request)
		if err != nil {
			return
		}
		sent, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: spans})
		if err != nil || len(sent) > len(request) {
			t.Fatalf("%x is sent as %x, %v", request, sent, err)
		}
		// The same to a reader: only the length of a length may differ.
		again, err := rawSpans(sent)
		if err != nil || len(again) != len(spans) {
			t.Fatalf("%x is sent as %x, %v", request, sent, err)
		}
		for i := range spans {
			if !bytes.Equal(again[i].ProtoReflect().GetUnknown(), spans[i].ProtoReflect().GetUnknown()) {
				t.Errorf("%x is sent as %x", request, sent)
			}
		}
	})
}
