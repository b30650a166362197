// SPDX-License-Identifier: MIT

// Package metadata declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package metadata

type MD map[string][]string

func Join(...MD) MD { return nil }
