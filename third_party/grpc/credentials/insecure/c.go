// SPDX-License-Identifier: MIT

// Package insecure declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package insecure

import "google.golang.org/grpc/credentials"

func NewCredentials() credentials.TransportCredentials { return nil }
