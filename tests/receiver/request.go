// SPDX-License-Identifier: MIT

package receiver

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// The ways a request can come in, as in Request.Via.
const (
	ViaDirect = "direct"
	ViaProxy  = "proxy"
)

// Request is the record of one request.
type Request struct {
	Time      time.Time // when its headers had come in
	Via       string    // ViaDirect or ViaProxy
	Host      string    // the host:port asked of the proxy, else the Host header
	Method    string
	Path      string      // without the query
	Header    http.Header // with Host, unlike in http.Request
	WireBytes int         // size of the body as sent, before decompression
	Raw       []byte      // the body after decompression

	// Body is the decoded body, nil when Err says why there is none.
	Body *coltracepb.ExportTraceServiceRequest
	Err  error

	// SpanIDs, in hex, is what Options.Lean keeps in place of Raw and Body.
	SpanIDs []string
}

func (req *Request) lean() {
	req.SpanIDs = []string{}
	for _, s := range flatten([]*Request{req}) {
		req.SpanIDs = append(req.SpanIDs, hex.EncodeToString(s.SpanId))
	}
	req.Raw, req.Body = nil, nil
}

// MarshalJSON gives the line of requests.jsonl. A header sent several times is
// joined with commas, which HTTP defines to mean the same. A request without a
// decoded body has "error" in place of "body", a lean one "span_ids".
func (req *Request) MarshalJSON() ([]byte, error) {
	line := struct {
		Time      int64             `json:"time_unix_nano"`
		Via       string            `json:"via"`
		Host      string            `json:"host"`
		Method    string            `json:"method"`
		Path      string            `json:"path"`
		Headers   map[string]string `json:"headers"`
		WireBytes int               `json:"wire_bytes"`
		Body      json.RawMessage   `json:"body,omitempty"`
		SpanIDs   []string          `json:"span_ids,omitempty"`
		Error     string            `json:"error,omitempty"`
	}{
		Time:      req.Time.UnixNano(),
		Via:       req.Via,
		Host:      req.Host,
		Method:    req.Method,
		Path:      req.Path,
		Headers:   map[string]string{},
		WireBytes: req.WireBytes,
	}
	for name, values := range req.Header {
		line.Headers[name] = strings.Join(values, ", ")
	}
	if req.Err != nil {
		line.Error = req.Err.Error()
		return json.Marshal(line)
	}
	if req.SpanIDs != nil {
		line.SpanIDs = req.SpanIDs
		return json.Marshal(line)
	}
	var err error
	if line.Body, err = OTLPJSON(req.Body); err != nil {
		return nil, err
	}
	return json.Marshal(line)
}

// Span is a span with what it was sent under.
type Span struct {
	*tracepb.Span
	Resource *resourcepb.Resource
	Scope    *commonpb.InstrumentationScope
}

func flatten(requests []*Request) []Span {
	var spans []Span
	for _, req := range requests {
		for _, rs := range req.Body.GetResourceSpans() {
			for _, ss := range rs.GetScopeSpans() {
				for _, s := range ss.GetSpans() {
					spans = append(spans, Span{Span: s, Resource: rs.GetResource(), Scope: ss.GetScope()})
				}
			}
		}
	}
	return spans
}
