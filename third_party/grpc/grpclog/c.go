// SPDX-License-Identifier: MIT

// Package grpclog declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package grpclog

func Infof(string, ...any) {}
