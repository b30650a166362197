// SPDX-License-Identifier: MIT

package schema

import (
	"maps"
	"math"
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

// derive returns a value for a field that has no example, as encoding/json would have
// decoded it; nil where only a pattern says what a text may be.
func (f *Field) derive(values []string) any {
	switch {
	case f.constant != nil:
		return *f.constant
	case len(values) > 0 && f.kind&kindString != 0:
		return values[0]
	case len(values) > 0 && f.kind&kindStrings != 0:
		return []any{values[0]}
	case f.kind&(kindInt|kindDouble) != 0:
		return f.number()
	case f.kind&kindBool != 0:
		return true
	}
	return nil
}

// number returns a number in the field's range: 1, or the bound that is nearest to it.
func (f *Field) number() float64 {
	switch {
	case f.minimum != nil && *f.minimum > 1:
		if f.kind&kindDouble != 0 {
			return *f.minimum
		}
		return math.Ceil(*f.minimum)
	case f.maximum != nil && *f.maximum < 1:
		if f.kind&kindDouble != 0 {
			return *f.maximum
		}
		return math.Floor(*f.maximum)
	}
	return 1
}
