// SPDX-License-Identifier: MIT

// Package grpc declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package grpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
)

const SupportPackageIsVersion7 = true

var errAbsent = errors.New("grpc is not part of this build")

type (
	DialOption          struct{}
	CallOption          struct{}
	ClientConn          struct{}
	ClientConnInterface interface {
		Invoke(ctx context.Context, method string, args, reply any, opts ...CallOption) error
	}
	ServiceRegistrar interface{ RegisterService(*ServiceDesc, any) }
	ServiceDesc      struct {
		ServiceName string
		HandlerType any
		Methods     []MethodDesc
		Streams     []StreamDesc
		Metadata    any
	}
	MethodDesc struct {
		MethodName string
		Handler    func(srv any, ctx context.Context, dec func(any) error, interceptor UnaryServerInterceptor) (any, error)
	}
	StreamDesc      struct{}
	UnaryHandler    func(ctx context.Context, req any) (any, error)
	UnaryServerInfo struct {
		Server     any
		FullMethod string
	}
	UnaryServerInterceptor func(ctx context.Context, req any, info *UnaryServerInfo, handler UnaryHandler) (any, error)
	ConnectParams          struct {
		Backoff           backoff.Config
		MinConnectTimeout time.Duration
	}
)

func (*ClientConn) Invoke(context.Context, string, any, any, ...CallOption) error    { return errAbsent }
func (*ClientConn) Close() error                                                     { return nil }
func Dial(string, ...DialOption) (*ClientConn, error)                                { return nil, errAbsent }
func WithUserAgent(string) DialOption                                                { return DialOption{} }
func WithDefaultServiceConfig(string) DialOption                                     { return DialOption{} }
func WithTransportCredentials(credentials.TransportCredentials) DialOption           { return DialOption{} }
func WithDefaultCallOptions(...CallOption) DialOption                                { return DialOption{} }
func UseCompressor(string) CallOption                                                { return CallOption{} }
func WithConnectParams(ConnectParams) DialOption                                     { return DialOption{} }
func Header(*metadata.MD) CallOption                                                 { return CallOption{} }
func Trailer(*metadata.MD) CallOption                                                { return CallOption{} }
func NewContextWithServerTransportStream(ctx context.Context, _ any) context.Context { return ctx }
