// SPDX-License-Identifier: MIT

// Package status declares what OpenTelemetry's HTTP exporter needs to compile, and
// does nothing: third_party/README.md.
package status

import (
	"fmt"
	"google.golang.org/grpc/codes"
)

type Status struct{}

func Errorf(c codes.Code, f string, a ...any) error { return fmt.Errorf(f, a...) }
