// SPDX-License-Identifier: MIT

package schema

import "slices"

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
