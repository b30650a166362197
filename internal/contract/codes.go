// SPDX-License-Identifier: MIT

package contract

import (
	"errors"

	"runspan/internal/courier"
	"runspan/internal/schema"
	"runspan/internal/telemetry"
)

// capi/core holds all numbers here to the headers'.

// Flags of a client: RUNSPAN_PREVIEW of include/runspan.h, and two of capi/front/core.h.
const (
	FlagPreview = 1
	FlagTable   = 2
	FlagStrict  = 4
)

// The log levels of include/runspan.h.
const (
	LogDebug   = 0
	LogWarning = 1
	LogError   = 3
	LogSpan    = 2
)

// Levels has the number of each log level.
var Levels = map[telemetry.Level]int32{
	telemetry.LevelDebug: LogDebug, telemetry.LevelWarning: LogWarning, telemetry.LevelError: LogError, telemetry.LevelSpan: LogSpan,
}

// Code is a code of include/runspan.h.
type Code int32

// The codes that a core returns.
const (
	Done         Code = 0
	NotDelivered Code = 21
	Dropped      Code = 22
	EArgument    Code = -1
	EHandle      Code = -2
	ESchema      Code = -3
	EEndpoint    Code = -4
	EName        Code = -5
	EType        Code = -6
	EValue       Code = -7
	ETooLong     Code = -8
	ETooLate     Code = -9
	ETooMany     Code = -10
	EInternal    Code = -11
)

// The errors of the contract, besides those of the packages below it.
var (
	ErrArgument = errors.New("an argument is out of its range")

	errHandle       = errors.New("no such client or span is open")
	errTooMany      = errors.New("too many clients or spans are open")
	errNotDelivered = errors.New("the collector does not have all spans yet")
)

// codeOf has the code of each error. The first error in the list that matches counts.
var codeOf = []struct {
	err  error
	code Code
}{
	{telemetry.ErrSchema, ESchema},
	{errHandle, EHandle},
	{telemetry.ErrEnded, EHandle},
	{schema.ErrName, EName},
	{schema.ErrType, EType},
	{schema.ErrValue, EValue},
	{schema.ErrTooLong, ETooLong},
	{telemetry.ErrTooLate, ETooLate},
	{telemetry.ErrTooMany, ETooMany},
	{telemetry.ErrFull, Dropped},
	{errTooMany, ETooMany},
	{ErrArgument, EArgument},
	{errNotDelivered, NotDelivered},
	{courier.ErrEndpoint, EEndpoint},
}

// CodeOf returns the code of an error, EInternal for one that has none.
func CodeOf(err error) Code {
	if err == nil {
		return Done
	}
	for _, known := range codeOf {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return EInternal
}

// Recovered turns a panic into EInternal. Defer it in every function that a front calls,
// because a panic that reached the host would end it.
func Recovered(code *Code) {
	if recover() != nil {
		*code = EInternal
	}
}
