// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package journalexporter is an exporter of the OpenTelemetry Collector that loses no
// acknowledged request. It writes each request to a file, as one line of OTLP/JSON. The
// request is acknowledged when the line is written and synced, so that neither SIGKILL
// nor a power cut can lose it. Requests that arrive together share one sync.
//
// The file has only whole lines. If a write fails half way, on a full disk, the exporter
// cuts the half line off, and the sender gets the HTTP status 503. At its start it cuts
// off a half line that a kill has left. Half lines are never acknowledged. If a sync
// fails, nobody knows what is on the disk; the collector ends, and has to be started
// again.
//
// The exporter sets the file aside when it is too large or too old, or when an earlier
// process has begun it: it renames spans.json to spans-<time>.json. It never removes a
// file. It locks the folder, because two collectors in one folder would cut off each
// other's lines.
//
// Somebody may remove, rename, truncate or replace the file, and a write to the open file
// would still succeed. So before it acknowledges a line, the exporter checks that the
// file has its name and the expected size. If not, it makes a new file and writes the
// line again. It also checks twice a second when there are no requests.
//
// The collector's own file exporter can't do this. It writes a line in two parts, does
// not sync, appends to a half line, and sets files aside only by size.
package journalexporter
