// SPDX-License-Identifier: MIT

package contract

import (
	"cmp"
	"strconv"
	"strings"

	"runspan/internal/telemetry"
)

// setList sets the attributes of a list; runspan_set_attrs describes its form. It returns
// the first error.
func (s *span) setList(list string) (first error) {
	for list != "" {
		key, rest, ok := strings.Cut(list, "\x00")
		listed, rest, more := strings.Cut(rest, "\x00")
		if !ok || !more || listed == "" {
			return cmp.Or(first, ErrArgument)
		}
		list = rest
		TestHook(key)
		value, ok := parseValue(telemetry.Kind(listed[0]), listed[1:])
		if !ok {
			first = cmp.Or(first, ErrArgument)
			continue
		}
		first = cmp.Or(first, s.Set(key, value))
	}
	return first
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
