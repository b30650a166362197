// SPDX-License-Identifier: MIT

// Package backoff declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package backoff

type Config struct{}

var DefaultConfig Config
