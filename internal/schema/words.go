// SPDX-License-Identifier: MIT

package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Description returns the sentence about the field for the user.
func (f *Field) Description() string { return f.description }

// Rule returns a description of the values that the field may have, and of who sets it.
func (f *Field) Rule() string {
	if f.constant != nil {
		return fmt.Sprintf("%s, always %q", f.types(), *f.constant)
	}
	parts := []string{f.types()}
	if f.source == sourceAborted {
		return "bool, true in the report of a run that was killed; runspan sets it"
	}
	if f.source != "" {
		parts = append(parts, "runspan sets it to "+f.source)
	}
	for _, part := range []string{f.bounds(), f.choices(), f.form()} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if f.otherwise != nil {
		parts = append(parts, fmt.Sprintf("any other text is reported as %q", *f.otherwise))
	}
	if f.asText {
		parts = append(parts, "or such a value as text")
	}
	return strings.Join(parts, ", ")
}

// types returns the names of the types that the field may have.
func (f *Field) types() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if f.kind&kinds[name] != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

func (f *Field) bounds() string {
	number := func(v *float64) string { return strconv.FormatFloat(*v, 'f', -1, 64) }
	switch {
	case f.minimum != nil && f.maximum != nil:
		return "from " + number(f.minimum) + " to " + number(f.maximum)
	case f.minimum != nil:
		return number(f.minimum) + " or more"
	case f.maximum != nil:
		return number(f.maximum) + " or less"
	}
	return ""
}

func (f *Field) choices() string {
	if f.values == nil {
		return ""
	}
	return "one of " + f.listed()
}

func (f *Field) listed() string { return strings.Join(slices.Sorted(maps.Keys(f.values)), ", ") }

// form returns the rule for a text that is not among the values.
func (f *Field) form() string {
	if f.pattern == nil {
		return ""
	}
	return fmt.Sprintf("at most %d bytes that match %s", f.textBytes, f.patternText())
}

func (f *Field) patternText() string {
	return strings.TrimSuffix(strings.TrimPrefix(f.pattern.String(), `\A(?:`), `)\z`)
}

// Why returns the rule that refuses a value. err is the error of the check. The text
// continues a sentence that begins with the value.
func (f *Field) Why(err error) string {
	switch {
	case errors.Is(err, ErrType):
		return "the schema has " + f.types()
	case errors.Is(err, ErrTooLong) && f.kind == kindStrings:
		return fmt.Sprintf("more than %d texts, or one longer than %d bytes", f.listItems, f.textBytes)
	case errors.Is(err, ErrTooLong):
		return fmt.Sprintf("longer than %d bytes", f.textBytes)
	case !errors.Is(err, ErrValue):
		return err.Error()
	}
	var rules []string
	if f.values != nil {
		rules = append(rules, "not among values: "+f.listed())
	}
	if f.pattern != nil {
		rules = append(rules, "does not match "+f.patternText())
	}
	if bounds := f.bounds(); bounds != "" {
		rules = append(rules, "not "+bounds)
	}
	return strings.Join(rules, "; ")
}

// WhyNoSpan returns the reason why a span may not have that name.
func (s *Schema) WhyNoSpan(name string) string {
	return "the schema has no span of that name" + orOneOf(name, maps.Keys(s.spans))
}

// WhyNotResource returns the reason why a host may not set that resource attribute.
func (s *Schema) WhyNotResource(key string) string {
	field, ok := s.resource[key]
	switch {
	case ok && field.fixed():
		return "runspan sets this field itself"
	case s.attributes[key] != nil:
		return "this is an attribute of a span"
	}
	return noField + perhaps(key, maps.Keys(s.resource))
}

// WhyNotAttribute returns the reason why a host may not set that attribute of that span.
func (s *Schema) WhyNotAttribute(span, key string) string {
	field, ok := s.attributes[key]
	switch {
	case ok && field.fixed():
		return "runspan sets this field itself"
	case ok:
		return fmt.Sprintf("span %q may not have it; these may: %s", span, strings.Join(field.spans, ", "))
	case s.resource[key] != nil:
		return "this is an attribute of the resource"
	}
	return noField + perhaps(key, maps.Keys(s.attributes))
}

// WhyNoException returns the rule that refuses the type of an exception.
func (s *Schema) WhyNoException(err error) string {
	for _, field := range s.exception {
		if field.source == "error.type" {
			return field.Why(err)
		}
	}
	return "the schema has no event " + ExceptionEvent
}

const noField = "the schema has no field of that name"
