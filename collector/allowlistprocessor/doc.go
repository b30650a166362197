// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package allowlistprocessor is a processor of the OpenTelemetry Collector that lets
// through only what runspan's schemas name. It trusts no client: what a host's
// own runspan has checked before sending is checked here again.
//
// The rule: what may pass is copied, piece by piece, into a new request; the
// rest is not. So no field of OTLP that this package does not know can ride
// along. From the outside in:
//
//   - A resource passes where its service.name is a service that a schema is
//     for; that schema decides all below. Else nothing of it passes.
//   - A scope passes where it has the schema's name, without version and
//     attributes.
//   - A span passes where the schema has its name, its kind is internal, its ids
//     are valid and it does not lie in the future: the store removes spans by
//     their age. Parent, trace state, links and the status's message don't pass;
//     of the flags, only those that runspan sends.
//   - An attribute passes where the schema has its key at this place, and allows
//     its type and value; the first of a key only. A span that loses an attribute
//     still counts: a client may be newer than the collector's schema.
//   - An event passes where it is an exception, at most as many as runspan sends.
//
// Of a request of which nothing is left nothing goes on, and the sender is told
// that it is invalid (HTTP status 400). One that loses a part is taken.
//
// What is dropped is counted, by what it was, in the metric
// runspan_allowlist_dropped; its names and values go nowhere.
package allowlistprocessor
