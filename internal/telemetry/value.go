// SPDX-License-Identifier: MIT

package telemetry

import (
	"go.opentelemetry.io/otel/attribute"

	"runspan/internal/schema"
)

// Kind is the type of a Value: a letter of include/runspan.h and capi/front/core.h.
type Kind byte

// The zero Kind is none.
const (
	String Kind = 's'
	Int    Kind = 'i'
	Double Kind = 'd'
	Bool   Kind = 'b'
	Texts  Kind = 't'
	Null   Kind = 'n'
)

// Value is the value of an attribute. Kind says which of the other fields has it.
type Value struct {
	Kind   Kind
	Text   string
	Int    int64
	Double float64
	Bool   bool
	Texts  []string
}

// unread is how many texts LongList has: more than any schema allows.
const unread = 4097

// LongList returns the value of a list that is longer than any schema allows. The texts
// of the list are not read.
func LongList() Value { return Value{Kind: Texts, Texts: make([]string, unread)} }

// forField returns the value to report for the field, or an error if the schema does not
// allow it. The result shares no memory with v.
func (v Value) forField(f *schema.Field) (attribute.Value, error) {
	switch v.Kind {
	case String:
		text, err := f.TextFor(v.Text)
		return attribute.StringValue(text), err
	case Int:
		return attribute.Int64Value(v.Int), f.CheckInt(v.Int)
	case Double:
		return attribute.Float64Value(v.Double), f.CheckDouble(v.Double)
	case Bool:
		return attribute.BoolValue(v.Bool), f.CheckBool()
	case Texts:
		texts, err := f.TextsFor(v.Texts)
		return attribute.StringSliceValue(texts), err
	case Null:
		return attribute.Value{}, nil
	}
	return attribute.Value{}, schema.ErrType
}

// forResource is forField for a resource's attribute, which may be neither null nor a
// list.
func (v Value) forResource(f *schema.Field) (attribute.Value, error) {
	if v.Kind == Texts || v.Kind == Null {
		return attribute.Value{}, schema.ErrType
	}
	return v.forField(f)
}
