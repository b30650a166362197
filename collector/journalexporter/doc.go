// SPDX-License-Identifier: MIT

//go:generate go run go.opentelemetry.io/collector/cmd/mdatagen@v0.158.0 metadata.yaml

// Package journalexporter is an exporter of the OpenTelemetry Collector that keeps what
// has been acknowledged. Each request becomes one line of OTLP/JSON in a file,
// and is answered when that line is on the disk: the file has been written and
// synced, so that neither SIGKILL nor a power cut takes it back. Requests that
// come together share one sync.
//
// A line is whole or not there. Where a write fails half way, on a full disk,
// the half is cut off again and the sender told to come back (HTTP status 503);
// what a kill has left of a line is cut off at the next start. It was not
// acknowledged. Where the disk does not take what was written, the collector ends,
// to be started again: what the disk holds is not known from then on.
//
// The file is set aside under a name with the time, spans-<time>.json for
// spans.json, when it has grown large or old, or an earlier process has begun it.
// Nothing here removes a file. The folder is locked: two collectors in it would
// cut off each other's lines.
//
// Others may remove the file, rename it, cut it short or put something in its
// place, and a write to what is open would succeed as before. So no line is
// answered before its file was found under its name, with the size that it was
// written to; else the file is made anew, and the line is written again. An idle
// journal looks twice a second.
//
// The collector's own file exporter can't do this: it writes a line in two
// parts, syncs nothing, appends to what a kill has left, and sets files aside by
// size alone.
package journalexporter
