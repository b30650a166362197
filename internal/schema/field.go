// SPDX-License-Identifier: MIT

package schema

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// kind is a set of the types that a field may have.
type kind uint8

const (
	kindString kind = 1 << iota
	kindInt
	kindDouble
	kindBool
	kindStrings
)

var kinds = map[string]kind{
	"string":  kindString,
	"int":     kindInt,
	"double":  kindDouble,
	"bool":    kindBool,
	"strings": kindStrings,
}

// Field is a name that the schema allows in a report, and the rule for its values.
type Field struct {
	Key string

	kind      kind
	asText    bool // a number or a bool may come as text
	spans     []string
	values    map[string]string // text → the same text; nil: no list
	pattern   *regexp.Regexp    // nil: no pattern
	otherwise *string           // is reported in place of a text that is not among values
	minimum   *float64
	maximum   *float64
	source    string
	constant  *string

	textBytes int
	listItems int

	// For documentation.
	given       any // the example, as encoding/json has decoded it
	description string
}

// fixed says whether runspan sets the field itself.
func (f *Field) fixed() bool { return f.source != "" || f.constant != nil }

func (f *Field) fill(sources map[string]string) (string, error) {
	if f.constant != nil {
		return *f.constant, nil
	}
	return f.TextFor(sources[f.source])
}

// TextFor returns the text to report for v: v itself, with invalid UTF-8 replaced, or
// the text that the schema has in place of it. The result does not share v's memory.
func (f *Field) TextFor(v string) (string, error) {
	if f.asText {
		if text, err := f.numberAsText(v); err == nil || f.kind&kindString == 0 {
			return text, err
		}
	}
	if f.kind&kindString == 0 {
		return "", ErrType
	}
	return f.text(v)
}

// TextsFor calls TextFor for each text of a list.
func (f *Field) TextsFor(list []string) ([]string, error) {
	if f.kind&kindStrings == 0 {
		return nil, ErrType
	}
	if len(list) > f.listItems {
		return nil, ErrTooLong
	}
	texts := make([]string, len(list))
	for i, v := range list {
		text, err := f.text(v)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return texts, nil
}

// CheckInt checks that the field may be v.
func (f *Field) CheckInt(v int64) error {
	if f.kind&kindInt == 0 {
		return ErrType
	}
	return f.intInRange(v)
}

// CheckDouble checks that the field may be v. NaN is in no range.
func (f *Field) CheckDouble(v float64) error {
	if f.kind&kindDouble == 0 {
		return ErrType
	}
	return f.inRange(v)
}

// CheckBool checks that the field may be a bool.
func (f *Field) CheckBool() error {
	if f.kind&kindBool == 0 {
		return ErrType
	}
	return nil
}

func (f *Field) text(v string) (string, error) {
	if own, ok := f.values[v]; ok {
		return own, nil
	}
	if f.otherwise != nil {
		return *f.otherwise, nil
	}
	if len(v) > f.textBytes {
		return "", ErrTooLong
	}
	if f.pattern == nil {
		return "", ErrValue
	}
	valid := strings.ToValidUTF8(v, "\uFFFD")
	if len(valid) > f.textBytes {
		return "", ErrTooLong
	}
	if !f.pattern.MatchString(valid) {
		return "", ErrValue
	}
	return strings.Clone(valid), nil
}

func (f *Field) numberAsText(v string) (string, error) {
	if len(v) > f.textBytes {
		return "", ErrTooLong
	}
	if f.kind&kindBool != 0 && (v == "True" || v == "False") {
		return strings.Clone(v), nil
	}
	number, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil || strings.ContainsAny(v, "_xXpP"): // Python prints no such forms
		return "", ErrValue
	case f.kind&kindDouble != 0:
		return strings.Clone(v), f.inRange(number)
	case f.kind&kindInt != 0:
		whole, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return "", ErrValue
		}
		return strings.Clone(v), f.intInRange(whole)
	}
	return "", ErrValue
}

func (f *Field) inRange(v float64) error {
	if f.minimum != nil && !(v >= *f.minimum) || f.maximum != nil && !(v <= *f.maximum) {
		return ErrValue
	}
	return nil
}

func (f *Field) intInRange(v int64) error {
	if f.minimum != nil && compare(v, *f.minimum) < 0 || f.maximum != nil && compare(v, *f.maximum) > 0 {
		return ErrValue
	}
	return nil
}

// compare orders an int and a double by their values. A conversion of the int to a
// double would round it.
func compare(v int64, bound float64) int {
	switch {
	case bound >= 1<<63:
		return -1
	case bound < -1<<63:
		return 1
	}
	whole := int64(bound) // toward zero
	return cmp.Or(cmp.Compare(v, whole), cmp.Compare(0, bound-float64(whole)))
}
