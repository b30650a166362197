// SPDX-License-Identifier: MIT

package main

/*
#include <string.h>
#include "core.h"
*/
import "C"

import (
	"unsafe"

	"runspan/internal/telemetry"
)

// valueOf returns the host's value. Its texts are valid for the time of the call.
func valueOf(v *C.runspan_core_value) telemetry.Value {
	value := telemetry.Value{
		Kind:   telemetry.Kind(v.kind),
		Int:    int64(v.integer),
		Bool:   v.integer != 0,
		Double: float64(v.number),
	}
	switch value.Kind {
	case telemetry.String:
		value.Text = borrowed(v.text, v.length)
	case telemetry.Texts:
		if v.length > C.RUNSPAN_TEXT_MAX {
			return telemetry.LongList()
		}
		value.Texts = make([]string, int(v.length))
		for i, text := range unsafe.Slice(v.texts, int(v.length)) {
			value.Texts[i] = borrowed(text, C.strnlen(text, C.RUNSPAN_TEXT_MAX))
		}
	}
	return value
}
