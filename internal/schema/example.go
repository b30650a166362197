// SPDX-License-Identifier: MIT

package schema

import (
	"maps"
	"slices"
)

// Example is a field, with a value that it could have: a string, int64, float64,
// bool, []string, or nil for none.
type Example struct {
	Key         string
	Value       any
	Description string
}

// SpanNames returns the names that a span may have, sorted.
func (s *Schema) SpanNames() []string { return slices.Sorted(maps.Keys(s.spans)) }

// Examples returns what the resource could be, and the attributes of a span of
// that name that came to its end; each sorted by key.
func (s *Schema) Examples(span string) (resource, attributes []Example) {
	for _, key := range slices.Sorted(maps.Keys(s.resource)) {
		resource = append(resource, s.resource[key].example())
	}
	for _, key := range slices.Sorted(maps.Keys(s.attributes)) {
		if field := s.attributes[key]; field != s.aborted && slices.Contains(field.spans, span) {
			attributes = append(attributes, field.example())
		}
	}
	return resource, attributes
}

// example has the value as the document's JSON has it, in the field's type.
func (f *Field) example() Example {
	e := Example{Key: f.Key, Description: f.description}
	switch v := f.given.(type) {
	case string:
		if f.AllowsText(v) {
			e.Value = v
		}
	case bool:
		if f.CheckBool() == nil {
			e.Value = v
		}
	case float64:
		if f.CheckInt(int64(v)) == nil && v == float64(int64(v)) {
			e.Value = int64(v)
		} else if f.CheckDouble(v) == nil {
			e.Value = v
		}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i], _ = v[i].(string)
		}
		if f.AllowsTexts(texts) {
			e.Value = texts
		}
	}
	return e
}
