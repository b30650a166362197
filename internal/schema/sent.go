// SPDX-License-Identifier: MIT

package schema

import "slices"

// The fields of what is sent, whoever has set them: internal/border checks
// against these.

// ExceptionEvent is the name of the only event that a span may have, by
// OpenTelemetry's semantic conventions.
const ExceptionEvent = "exception"

// SentResource returns the field of a resource attribute.
func (s *Schema) SentResource(key string) (*Field, bool) {
	field, ok := s.resource[key]
	return field, ok
}

// SentAttribute returns the field of an attribute of a span of that name.
func (s *Schema) SentAttribute(span, key string) (*Field, bool) {
	field, ok := s.attributes[key]
	return field, ok && slices.Contains(field.spans, span)
}

// SentException returns the field of an attribute of an exception event.
func (s *Schema) SentException(key string) (*Field, bool) {
	for _, field := range s.exception {
		if field.Key == key {
			return field, true
		}
	}
	return nil, false
}

// IsText says whether the text may be the field's value as it is.
func (f *Field) IsText(v string) bool {
	if f.constant != nil {
		return v == *f.constant
	}
	own, err := f.String(v)
	return err == nil && own == v
}

// IsTexts says whether the list may be the field's value as it is.
func (f *Field) IsTexts(list []string) bool {
	own, err := f.Strings(list)
	return err == nil && slices.Equal(own, list)
}
