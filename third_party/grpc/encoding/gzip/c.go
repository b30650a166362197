// SPDX-License-Identifier: MIT

// Package gzip declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package gzip

const Name = "gzip"
