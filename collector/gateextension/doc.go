// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package gateextension is an extension of the OpenTelemetry Collector: an HTTP
// middleware at the collector's public port. It admits the requests that a client of
// runspan sends (POST /v1/traces in protobuf), and limits the cost of all others:
//
//   - The number of requests per minute from one client. Beyond it the status is 429.
//   - The size of a body after unpacking (413), and the number of protobuf messages in it
//     (400), because two bytes can become a span of some hundred bytes.
//   - The memory of all requests that are being read. Beyond it the status is 503.
//   - The number of requests that are decoded and written at the same time. The others
//     wait.
//
// With 429 and 503 the response has a Retry-After. runspan keeps its batches and sends
// them later. The gate unpacks gzip itself, because the receiver would unpack it before
// the gate can count (so the receiver's configuration has compression_algorithms: []).
//
// The gate keeps the last certificate and key that belong together: see certificate.go.
//
// The gate stores no client's address: see clients.go and logsink.go.
package gateextension
