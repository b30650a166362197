// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package queueextension is an extension of the OpenTelemetry Collector. It looks at the
// queues that file_storage keeps for outputs, before the outputs open them. A queue that is
// damaged would end the whole collector, and each next start of it: bbolt, which
// file_storage uses, fails, or panics in a goroutine of its own, or reads beyond the end of
// the file. So a damaged queue is set aside, and its output begins with an empty one. If the
// damage comes while the collector runs, the next start finds it.
//
// The check runs in a process of its own, which may end as the collector would.
package queueextension
