// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// scan finds unknown members, values of another JSON type, and keys that an object has
// twice. encoding/json accepts some of them, and reports only the first of the others.
// scan returns the keys of the exception event in their order, because encoding/json
// does not keep the order.
//
// The text must be valid JSON. scan does not use encoding/json's tokens: they would take
// most of the time of Parse.
func scan(text []byte) (exception []string, faults []*placed) {
	s := scanner{text: text}
	s.value(documentForm)
	return s.exception, s.faults
}

// offsets returns the places of all values in a text, or no place if the text is not
// valid JSON.
func offsets(text []byte) places {
	s := scanner{text: text, places: make(places)}
	if json.Valid(text) {
		s.value(nil)
	}
	return s.places
}

// deepest is the depth that an example may have. The format itself needs less.
const deepest = 16

type scanner struct {
	text      []byte
	at        int      // the offset of the next byte to read
	keys      []string // the way to the current value; an item of a list has the key ""
	exception []string
	faults    []*placed
	places    places // nil: no caller needs them
}

func (s *scanner) wrong(reason string, kind bool) {
	s.faults = append(s.faults, &placed{keys: slices.Clone(s.keys), reason: reason, offset: s.at, kind: kind})
}

func (s *scanner) value(f *form) {
	if len(s.keys) == deepest+1 {
		s.wrong("it is nested too deeply", true)
	}
	kind := s.kind()
	if f != nil && f.kind&kind == 0 {
		s.wrong(fmt.Sprintf("%s is %v; it must be %v", s.name(), kind, f.kind), true)
		f = nil
	}
	switch kind {
	case jsonList:
		s.list(f)
	case jsonObject:
		s.object(f)
	case jsonText:
		s.quoted()
	default:
		s.literal()
	}
}

// kind returns the type of the next value. A whole number is a number too.
func (s *scanner) kind() jsonKind {
	switch s.next() {
	case '"':
		return jsonText
	case '[':
		return jsonList
	case '{':
		return jsonObject
	case 't', 'f':
		return jsonTruth
	case 'n':
		return jsonNull
	}
	begin := s.at
	number := s.literal()
	s.at = begin
	if bytes.ContainsAny(number, ".eE") {
		return jsonNumber
	}
	return jsonNumber | jsonWhole
}

// name returns words for the current value.
func (s *scanner) name() string {
	if len(s.keys) == 0 {
		return "the schema"
	}
	if last := len(s.keys) - 1; s.keys[last] == "" && last > 0 {
		return fmt.Sprintf("an item of %q", s.keys[last-1])
	}
	return fmt.Sprintf("%q", s.keys[len(s.keys)-1])
}

// inside scans the value at a key of the current value.
func (s *scanner) inside(key string, f *form) {
	s.keys = append(s.keys, key)
	if s.places != nil {
		s.places.add(s.keys, s.at)
	}
	s.value(f)
	s.keys = s.keys[:len(s.keys)-1]
}

func (s *scanner) list(f *form) {
	var each *form
	if f != nil {
		each = f.each
	}
	for s.at++; s.next() != ']'; {
		s.inside("", each)
	}
	s.at++
}

func (s *scanner) object(f *form) {
	seen := make(map[string]bool)
	for s.at++; s.next() != '}'; {
		key := s.key()
		if seen[key] {
			s.wrong(fmt.Sprintf("%q is there twice", key), false)
		}
		seen[key] = true
		s.inside(key, s.member(f, key))
	}
	s.at++
}

// member returns the form of an object's member.
func (s *scanner) member(f *form, key string) *form {
	if f == nil {
		return nil
	}
	if f.ordered && s.keys[len(s.keys)-1] == ExceptionEvent {
		s.exception = append(s.exception, key)
	}
	if f.members == nil {
		return f.each
	}
	member, ok := f.members[key]
	if !ok {
		s.wrong(fmt.Sprintf("unknown member %q%s", key, perhaps(key, f.words())), false)
	}
	return member
}

// next skips white space, commas and colons, and returns the first byte after them.
func (s *scanner) next() byte {
	for {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			s.at++
		default:
			return c
		}
	}
}

// literal reads a number, true, false or null.
func (s *scanner) literal() []byte {
	begin := s.at
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n,]}", s.text[s.at]) < 0 {
		s.at++
	}
	return s.text[begin:s.at]
}

// quoted reads a text and returns it with its quotation marks.
func (s *scanner) quoted() []byte {
	begin := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.text[begin:s.at]
}

func (s *scanner) key() string {
	quoted := s.quoted()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var key string
	_ = json.Unmarshal(quoted, &key) // json.Unmarshal has decoded the whole text before
	return key
}
