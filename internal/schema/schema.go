// SPDX-License-Identifier: MIT

// Package schema reads the schema of a service: the list of all fields that its
// reports may have. It checks names, keys and values against that list. The code
// knows no field by name; schemas/runspan.schema.json describes the JSON.
//
// A Schema does not change after Parse. Goroutines may share it.
package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The errors of checks. None has the value in its text.
var (
	ErrName    = errors.New("the schema does not name it")
	ErrType    = errors.New("the schema gives it another type")
	ErrValue   = errors.New("the schema does not allow the value")
	ErrTooLong = errors.New("longer than the schema allows")
)

// Schema is a parsed schema.
type Schema struct {
	Service     string
	Destination string
	// Pins are SHA-256 hashes of public keys (SubjectPublicKeyInfo). The destination's
	// chain of certificates must have one of them. Empty: any chain that is valid.
	Pins  [][32]byte
	Scope string

	// The longest text of a value, in bytes of UTF-8, and the longest list of texts.
	TextBytes, ListItems int

	// The most that the service's spool may hold.
	SpoolFiles int
	SpoolBytes int64
	SpoolAge   time.Duration

	// Linger is how long a process beside the host may go on delivering after the last
	// close. HandsOver says that a core in the host may start such a process.
	Linger    time.Duration
	HandsOver bool

	spans      map[string]string // name → the same name: a caller may keep the string of a look-up
	described  map[string]string // name → a sentence for the user
	resource   map[string]*Field
	attributes map[string]*Field
	aborted    *Field   // nil where the schema has none
	exception  []*Field // nil where the schema has no exception event
}

// SpanName returns the schema's own string for a span name that it allows.
func (s *Schema) SpanName(name string) (string, error) {
	own, ok := s.spans[name]
	if !ok {
		return "", ErrName
	}
	return own, nil
}

// HostResource returns the field of a resource attribute that a host may set.
func (s *Schema) HostResource(key string) (*Field, error) {
	field, ok := s.resource[key]
	if !ok || field.fixed() {
		return nil, ErrName
	}
	return field, nil
}

// HostAttribute returns the field of an attribute that a host may give a span of
// that name.
func (s *Schema) HostAttribute(span, key string) (*Field, error) {
	field, ok := s.attributes[key]
	if !ok || field.fixed() || !slices.Contains(field.spans, span) {
		return nil, ErrName
	}
	return field, nil
}

// AbortedKey returns the key of the attribute that marks a span of that name whose
// run was killed. ok is false where the schema has no such attribute.
func (s *Schema) AbortedKey(span string) (key string, ok bool) {
	if s.aborted == nil || !slices.Contains(s.aborted.spans, span) {
		return "", false
	}
	return s.aborted.Key, true
}

// FixedResource returns the resource attributes that runspan sets: constants, and the
// texts of sources. Located makes Faults of its error.
func (s *Schema) FixedResource(sources map[string]string) (map[string]string, error) {
	fixed := make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(s.resource)) {
		field := s.resource[key]
		if !field.fixed() {
			continue
		}
		text, err := field.fill(sources)
		if err != nil {
			reason := fmt.Sprintf("%s, as runspan sets it: %v", key, err)
			return nil, &placed{keys: []string{"resource", key}, reason: reason, cause: err}
		}
		fixed[key] = text
	}
	return fixed, nil
}

// ExceptionAttributes returns the attributes of the event for an exception of that type:
// pairs of key and text, in the schema's order.
func (s *Schema) ExceptionAttributes(errorType string) ([][2]string, error) {
	if s.exception == nil {
		return nil, ErrName
	}
	attributes := make([][2]string, 0, len(s.exception))
	for _, field := range s.exception {
		text, err := field.fill(map[string]string{"error.type": errorType})
		if err != nil {
			return nil, err
		}
		attributes = append(attributes, [2]string{field.Key, text})
	}
	return attributes, nil
}
