// SPDX-License-Identifier: MIT

// Package credentials declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package credentials

import "crypto/tls"

type TransportCredentials interface{ absent() }

func NewTLS(*tls.Config) TransportCredentials { return nil }
