// SPDX-License-Identifier: MIT

package main

/*
#include <string.h>
#include "core.h"
*/
import "C"

import (
	"strconv"
	"strings"
	"unsafe"

	"runspan/internal/schema"
	"runspan/internal/telemetry"
)

// valueOf returns the host's value. Its texts are valid for the time of the call.
func valueOf(v *C.runspan_core_value) (telemetry.Value, error) {
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
			return value, schema.ErrTooLong
		}
		value.Texts = make([]string, int(v.length))
		for i, text := range unsafe.Slice(v.texts, int(v.length)) {
			value.Texts[i] = borrowed(text, C.strnlen(text, C.RUNSPAN_TEXT_MAX))
		}
	}
	return value, nil
}

// setList sets the attributes of a list; runspan_set_attrs describes its form. It returns
// the first error.
func (s *span) setList(list string) (first error) {
	for list != "" {
		key, rest, ok := strings.Cut(list, "\x00")
		listed, rest, more := strings.Cut(rest, "\x00")
		if !ok || !more || listed == "" {
			return firstOf(first, errArgument)
		}
		list = rest
		testHook(key)
		value, ok := parseValue(telemetry.Kind(listed[0]), listed[1:])
		if !ok {
			first = firstOf(first, errArgument)
			continue
		}
		first = firstOf(first, s.Set(key, value))
	}
	return first
}

func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// parseValue parses a value of a list.
func parseValue(kind telemetry.Kind, text string) (v telemetry.Value, ok bool) {
	v.Kind = kind
	var err error
	switch kind {
	case telemetry.String:
		v.Text = text
	case telemetry.Int:
		v.Int, err = strconv.ParseInt(text, 10, 64)
	case telemetry.Double:
		v.Double, err = strconv.ParseFloat(text, 64)
	case telemetry.Bool:
		v.Bool = text == "1"
		return v, text == "0" || v.Bool
	case telemetry.Null:
		return v, text == ""
	default:
		return v, false
	}
	return v, err == nil
}
