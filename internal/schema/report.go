// SPDX-License-Identifier: MIT

package schema

import (
	"iter"
	"maps"
	"slices"
	"strings"
)

// ExceptionEvent is the name of the only event that a span may have, by
// OpenTelemetry's semantic conventions.
const ExceptionEvent = "exception"

// ResourceField returns the field of a resource attribute of a report, whether the host
// or runspan has set it.
func (s *Schema) ResourceField(key string) (*Field, bool) {
	field, ok := s.resource[key]
	return field, ok
}

// AttributeField returns the field of an attribute of a report's span of that name.
func (s *Schema) AttributeField(span, key string) (*Field, bool) {
	field, ok := s.attributes[key]
	return field, ok && slices.Contains(field.spans, span)
}

// ExceptionField returns the field of an attribute of a report's exception event.
func (s *Schema) ExceptionField(key string) (*Field, bool) {
	for _, field := range s.exception {
		if field.Key == key {
			return field, true
		}
	}
	return nil, false
}

// SpanNames returns the names that a span may have, sorted.
func (s *Schema) SpanNames() []string { return slices.Sorted(maps.Keys(s.spans)) }

// SpanDescription returns the sentence about the spans of that name for the user.
func (s *Schema) SpanDescription(name string) string { return s.described[name] }

// ResourceFields returns the fields of the resource, sorted by key.
func (s *Schema) ResourceFields() []*Field { return sorted(maps.Values(s.resource)) }

// AttributeFields returns the fields of a span of that name, sorted by key.
func (s *Schema) AttributeFields(span string) (fields []*Field) {
	for _, field := range sorted(maps.Values(s.attributes)) {
		if slices.Contains(field.spans, span) {
			fields = append(fields, field)
		}
	}
	return fields
}

// ExceptionFields returns the fields of an exception event, in the schema's order.
func (s *Schema) ExceptionFields() []*Field { return s.exception }

func sorted(fields iter.Seq[*Field]) []*Field {
	return slices.SortedFunc(fields, func(a, b *Field) int { return strings.Compare(a.Key, b.Key) })
}

// AllowsText says whether the text may be the field's value as it is.
func (f *Field) AllowsText(v string) bool {
	if f.constant != nil {
		return v == *f.constant
	}
	own, err := f.TextFor(v)
	return err == nil && own == v
}

// AllowsTexts says whether the list may be the field's value as it is.
func (f *Field) AllowsTexts(list []string) bool {
	own, err := f.TextsFor(list)
	return err == nil && slices.Equal(own, list)
}
