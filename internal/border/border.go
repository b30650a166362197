// SPDX-License-Identifier: MIT

// Package border checks requests before they can leave the machine. It reads an encoded
// OTLP request, byte for byte as it would be sent, and refuses it if it has anything
// that the schema does not allow. It builds no messages from the bytes, so that a
// hostile file needs no more memory than its size.
//
// The field numbers are those of opentelemetry-proto 1.x: collector/trace/v1, trace/v1,
// resource/v1 and common/v1.
package border

import (
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"runspan/internal/schema"
)

var (
	// ErrNotOTLP says that the bytes are not a protobuf message.
	ErrNotOTLP = errors.New("it is not an OTLP request")
	// ErrNotAllowed says that the request has something that the schema does not allow.
	ErrNotAllowed = errors.New("the schema does not name all of its content")
)

// MaxEvents is how many events a span may have.
const MaxEvents = 16

// Check returns nil if the schema allows everything in the request, and else ErrNotOTLP
// or ErrNotAllowed.
func Check(s *schema.Schema, request []byte) error {
	c := checker{schema: s}
	return message{1: repeated(bytes(c.resourceSpans))}.read(request)
}

type checker struct {
	schema *schema.Schema
}

func (c *checker) resourceSpans(encoded []byte) error {
	resource := message{1: repeated(bytes(attributes(c.schema.ResourceField)))}
	return message{1: bytes(resource.read), 2: repeated(bytes(c.scopeSpans))}.read(encoded)
}

func (c *checker) scopeSpans(encoded []byte) error {
	scope := message{1: bytes(func(name []byte) error { return allowed(string(name) == c.schema.Scope) })}
	return message{1: bytes(scope.read), 2: repeated(bytes(c.span))}.read(encoded)
}

func (c *checker) span(encoded []byte) error {
	var name string
	var err error
	skip := repeated(bytes(func([]byte) error { return nil }))
	events := 0
	head := message{
		1: bytes(id(16)),
		2: bytes(id(8)),
		5: bytes(func(b []byte) error {
			name, err = c.schema.SpanName(string(b))
			return allowed(err == nil)
		}),
		6:  varint(func(kind uint64) bool { return kind == 1 }), // internal
		7:  fixed64,
		8:  fixed64,
		9:  skip,
		11: skip,
		15: bytes(message{3: varint(func(code uint64) bool { return code <= 2 })}.read),
		16: {kind: protowire.Fixed32Type, read: func(v value) error {
			return allowed(v.bits&^0x101 == 0) // the flags "sampled" and "it is known whether the parent is remote"
		}},
	}
	if err := head.read(encoded); err != nil {
		return err
	}
	ofSpan := func(key string) (*schema.Field, bool) { return c.schema.AttributeField(name, key) }
	head[9] = repeated(bytes(attributes(ofSpan)))
	head[11] = repeated(bytes(func(event []byte) error {
		events++
		return c.event(event)
	}))
	if err := head.read(encoded); err != nil {
		return err
	}
	return allowed(name != "" && events <= MaxEvents)
}

func (c *checker) event(encoded []byte) error {
	return message{
		1: fixed64,
		2: bytes(func(name []byte) error { return allowed(string(name) == schema.ExceptionEvent) }),
		3: repeated(bytes(attributes(c.schema.ExceptionField))),
	}.read(encoded)
}

// attributes returns a function that reads one attribute of a resource, span or event: a
// KeyValue. It refuses a second attribute with the same key.
func attributes(field func(key string) (*schema.Field, bool)) func(encoded []byte) error {
	var seen []string
	return func(encoded []byte) error {
		var key string
		var of *schema.Field
		keyOnly := message{
			1: bytes(func(b []byte) error { key = string(b); return nil }),
			2: bytes(func([]byte) error { return nil }),
		}
		if err := keyOnly.read(encoded); err != nil {
			return err
		}
		of, ok := field(key)
		if !ok || slices.Contains(seen, key) {
			return ErrNotAllowed
		}
		seen = append(seen, key)
		keyOnly[2] = bytes(func(b []byte) error { return anyValue(of, b) })
		return keyOnly.read(encoded)
	}
}

// anyValue reads an AnyValue, which may have one field or none.
func anyValue(field *schema.Field, encoded []byte) error {
	fields := 0
	one := func(check func(value) error) func(value) error {
		return func(v value) error {
			fields++
			return check(v)
		}
	}
	valid := func(err error) error { return allowed(err == nil) }
	err := message{
		1: {kind: protowire.BytesType, read: one(func(v value) error { return allowed(field.AllowsText(string(v.bytes))) })},
		2: {kind: protowire.VarintType, read: one(func(v value) error { return allowed(v.bits <= 1 && field.CheckBool() == nil) })},
		3: {kind: protowire.VarintType, read: one(func(v value) error { return valid(field.CheckInt(int64(v.bits))) })},
		4: {kind: protowire.Fixed64Type, read: one(func(v value) error { return valid(field.CheckDouble(math.Float64frombits(v.bits))) })},
		5: {kind: protowire.BytesType, read: one(func(v value) error { return texts(field, v.bytes) })},
	}.read(encoded)
	if err != nil {
		return err
	}
	return allowed(fields <= 1)
}

// texts reads an ArrayValue of texts.
func texts(field *schema.Field, encoded []byte) error {
	var list []string
	text := message{1: bytes(func(b []byte) error { list = append(list, string(b)); return nil })}
	err := message{1: repeated(bytes(func(b []byte) error {
		before := len(list)
		if err := text.read(b); err != nil {
			return err
		}
		return allowed(len(list) == before+1) // the AnyValue has a text
	}))}.read(encoded)
	if err != nil {
		return err
	}
	return allowed(field.AllowsTexts(list))
}

// id returns a function that checks an id of that many bytes. In OTLP an id of zeros is
// invalid.
func id(length int) func([]byte) error {
	return func(b []byte) error {
		return allowed(len(b) == length && slices.ContainsFunc(b, func(c byte) bool { return c != 0 }))
	}
}

func allowed(ok bool) error {
	if !ok {
		return ErrNotAllowed
	}
	return nil
}
