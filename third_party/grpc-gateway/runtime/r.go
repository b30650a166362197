// SPDX-License-Identifier: MIT

// Package runtime declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package runtime

import (
	"context"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"io"
	"net/http"
)

type Decoder interface{ Decode(any) error }
type Marshaler interface{ NewDecoder(io.Reader) Decoder }
type ServerMetadata struct{ HeaderMD, TrailerMD metadata.MD }
type HandlerFunc func(w http.ResponseWriter, r *http.Request, pathParams map[string]string)
type Pattern struct{}
type ServeMux struct{}

func (*ServeMux) Handle(string, Pattern, HandlerFunc) {}
func (*ServeMux) GetForwardResponseOptions() []any    { return nil }

type ServerTransportStream struct{}

func (*ServerTransportStream) Header() metadata.MD                     { return nil }
func (*ServerTransportStream) Trailer() metadata.MD                    { return nil }
func String(s string) (string, error)                                  { return s, nil }
func MarshalerForRequest(*ServeMux, *http.Request) (in, out Marshaler) { return nil, nil }
func AnnotateContext(ctx context.Context, _ *ServeMux, _ *http.Request, _ string, _ ...any) (context.Context, error) {
	return ctx, nil
}
func AnnotateIncomingContext(ctx context.Context, _ *ServeMux, _ *http.Request, _ string, _ ...any) (context.Context, error) {
	return ctx, nil
}
func WithHTTPPathPattern(string) any                                                             { return nil }
func HTTPError(context.Context, *ServeMux, Marshaler, http.ResponseWriter, *http.Request, error) {}
func NewServerMetadataContext(ctx context.Context, _ ServerMetadata) context.Context             { return ctx }
func NewPattern(int, []int, []string, string) (Pattern, error)                                   { return Pattern{}, nil }
func MustPattern(p Pattern, _ error) Pattern                                                     { return p }
func ForwardResponseMessage(context.Context, *ServeMux, Marshaler, http.ResponseWriter, *http.Request, proto.Message, ...any) {
}
