// SPDX-License-Identifier: MIT

package main

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"runspan/internal/schema"
)

// setAll sets the attributes of a list as runspan_set_attrs describes it. The
// error is the first attribute's that has one.
func (s *span) setAll(list string) (first error) {
	for list != "" {
		key, rest, ok := strings.Cut(list, "\x00")
		value, rest, more := strings.Cut(rest, "\x00")
		if !ok || !more || value == "" {
			return firstOf(first, errArgument)
		}
		list = rest
		first = firstOf(first, s.setListed(key, value[0], value[1:]))
	}
	return first
}

func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// setListed sets one attribute; letter says what text is.
func (s *span) setListed(key string, letter byte, text string) error {
	testHook(key)
	return s.Set(key, func(f *schema.Field) (attribute.Value, error) {
		switch letter {
		case 's':
			return stringValue(f, text)
		case 'i':
			v, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return attribute.Value{}, errArgument
			}
			return attribute.Int64Value(v), f.Int(v)
		case 'd':
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return attribute.Value{}, errArgument
			}
			return attribute.Float64Value(v), f.Double(v)
		case 'b':
			if text != "0" && text != "1" {
				return attribute.Value{}, errArgument
			}
			return attribute.BoolValue(text == "1"), f.Bool()
		case 'n':
			if text != "" {
				return attribute.Value{}, errArgument
			}
			return attribute.Value{}, nil
		}
		return attribute.Value{}, errArgument
	})
}
