// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package gateextension stands at the collector's public port: an HTTP middleware, as an
// extension of the OpenTelemetry Collector. It lets in what a client of runspan
// sends, POST /v1/traces in protobuf, and bounds what all others can cost:
//
//   - requests a minute from one client; 429 beyond,
//   - the size of a body, unpacked (413), and how many protobuf messages are in it
//     (400): two bytes can become a span of some hundred,
//   - the memory of all requests that are being read; 503 beyond,
//   - how many are decoded and written at the same time; the others wait.
//
// Clients that get 429 or 503 come back later, with Retry-After: runspan keeps
// what it could not send. It unpacks gzip itself: the receiver would do so before
// any of this is looked at (compression_algorithms: [] in its configuration).
//
// Nobody's address is kept: clients.go and logsink.go.
package gateextension
