// SPDX-License-Identifier: MIT

package courier

import (
	"errors"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
)

var errNotOTLP = errors.New("it is no ExportTraceServiceRequest")

// undecoded returns an encoded ExportTraceServiceRequest as otlptracehttp's
// client takes it, and will encode it to the same bytes. What is in the
// ResourceSpans, the only field of a request, is not looked at: to decode it and
// encode it again takes as long as all the rest of a delivery.
func undecoded(request []byte) (all []*tracepb.ResourceSpans, err error) {
	for len(request) > 0 {
		number, kind, n := protowire.ConsumeTag(request)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		if number != 1 || kind != protowire.BytesType {
			return nil, errNotOTLP
		}
		content, m := protowire.ConsumeBytes(request[n:])
		if m < 0 {
			return nil, protowire.ParseError(m)
		}
		spans := &tracepb.ResourceSpans{}
		spans.ProtoReflect().SetUnknown(content)
		all = append(all, spans)
		request = request[n+m:]
	}
	return all, nil
}
