// SPDX-License-Identifier: MIT

// Package codes declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package codes

type Code uint32

const (
	InvalidArgument Code = 3
	Unimplemented   Code = 12
)
