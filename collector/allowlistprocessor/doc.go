// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package allowlistprocessor is a processor of the OpenTelemetry Collector. It passes on
// only the parts of a request that runspan's schemas allow. It trusts no client, and
// repeats the checks of a host's own runspan.
//
// The processor copies the allowed parts one by one into a new request. So a field of
// OTLP that this package does not know can't pass. The rules, from the outside in:
//
//   - A resource passes if there is a schema for its service.name. That schema applies
//     to all its parts. Other resources are dropped as a whole.
//   - A scope passes if it has the schema's name. Its version and attributes do not.
//   - A span passes if the schema has its name, its kind is internal, and its ids are
//     valid. Its times pass, whatever they are: the clock of this machine may be the wrong
//     one, and a client throws away a report that is refused. The store judges the times.
//     A span's parent, trace state, links and status message do not pass; of its flags,
//     only those that runspan sends do.
//   - An attribute passes if the schema has its key at this place, and allows its type
//     and value. Only the first attribute with a key passes. A span that loses an
//     attribute still passes, because a client may be newer than the collector's schema.
//   - An event passes if it is an exception; at most as many pass as runspan sends.
//
// If no span of a request passes, the sender gets the HTTP status 400. A request that
// loses a part is accepted.
//
// The metric runspan_allowlist_dropped counts the dropped parts by their kind. Their
// names and values are not stored anywhere.
package allowlistprocessor
