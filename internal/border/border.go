// SPDX-License-Identifier: MIT

// Package border has the last word on what leaves: it reads an encoded OTLP
// request, byte for byte as it would be sent, and refuses all that the schema
// does not name. It builds nothing from what it reads, so that a hostile file
// costs no more than its size.
//
// Field numbers are those of opentelemetry-proto 1.x: collector/trace/v1,
// trace/v1, resource/v1 and common/v1.
package border

import (
	"errors"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"runspan/internal/schema"
)

var (
	// ErrNotOTLP says that the bytes are no protobuf message.
	ErrNotOTLP = errors.New("it is no OTLP request")
	// ErrNotNamed says that the schema does not name something in it.
	ErrNotNamed = errors.New("the schema does not name all that is in it")
)

// MaxEvents is how many events a span may have.
const MaxEvents = 16

// Check returns nil where the schema names all that is in the request.
func Check(s *schema.Schema, request []byte) error {
	c := checker{schema: s}
	return message{1: many(bytes(c.resourceSpans))}.read(request)
}

type checker struct {
	schema *schema.Schema
}

func (c *checker) resourceSpans(encoded []byte) error {
	resource := message{1: many(bytes(attributes(c.schema.ResourceField)))}
	return message{1: bytes(resource.read), 2: many(bytes(c.scopeSpans))}.read(encoded)
}

func (c *checker) scopeSpans(encoded []byte) error {
	scope := message{1: bytes(func(name []byte) error { return named(string(name) == c.schema.Scope) })}
	return message{1: bytes(scope.read), 2: many(bytes(c.span))}.read(encoded)
}

func (c *checker) span(encoded []byte) error {
	var name string
	var err error
	skip := many(bytes(func([]byte) error { return nil }))
	events := 0
	head := message{
		1: bytes(id(16)),
		2: bytes(id(8)),
		5: bytes(func(b []byte) error {
			name, err = c.schema.SpanName(string(b))
			return named(err == nil)
		}),
		6:  varint(func(kind uint64) bool { return kind == 1 }), // internal
		7:  fixed64,
		8:  fixed64,
		9:  skip,
		11: skip,
		15: bytes(message{3: varint(func(code uint64) bool { return code <= 2 })}.read),
		16: {kind: protowire.Fixed32Type, read: func(v value) error {
			return named(v.bits&^0x101 == 0) // sampled, and that the parent's being remote is known
		}},
	}
	if err := head.read(encoded); err != nil {
		return err
	}
	ofSpan := func(key string) (*schema.Field, bool) { return c.schema.AttributeField(name, key) }
	head[9] = many(bytes(attributes(ofSpan)))
	head[11] = many(bytes(func(event []byte) error {
		events++
		return c.event(event)
	}))
	if err := head.read(encoded); err != nil {
		return err
	}
	return named(name != "" && events <= MaxEvents)
}

func (c *checker) event(encoded []byte) error {
	return message{
		1: fixed64,
		2: bytes(func(name []byte) error { return named(string(name) == schema.ExceptionEvent) }),
		3: many(bytes(attributes(c.schema.ExceptionField))),
	}.read(encoded)
}

// attributes returns what reads the attributes of one resource, span or event:
// KeyValues, each with a key of its own.
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
			return ErrNotNamed
		}
		seen = append(seen, key)
		keyOnly[2] = bytes(func(b []byte) error { return anyValue(of, b) })
		return keyOnly.read(encoded)
	}
}

// anyValue reads an AnyValue, of which one field may be there, or none.
func anyValue(field *schema.Field, encoded []byte) error {
	fields := 0
	one := func(check func(value) error) func(value) error {
		return func(v value) error {
			fields++
			return check(v)
		}
	}
	allowed := func(err error) error { return named(err == nil) }
	err := message{
		1: {kind: protowire.BytesType, read: one(func(v value) error { return named(field.AllowsText(string(v.bytes))) })},
		2: {kind: protowire.VarintType, read: one(func(v value) error { return named(v.bits <= 1 && field.CheckBool() == nil) })},
		3: {kind: protowire.VarintType, read: one(func(v value) error { return allowed(field.CheckInt(int64(v.bits))) })},
		4: {kind: protowire.Fixed64Type, read: one(func(v value) error { return allowed(field.CheckDouble(math.Float64frombits(v.bits))) })},
		5: {kind: protowire.BytesType, read: one(func(v value) error { return texts(field, v.bytes) })},
	}.read(encoded)
	if err != nil {
		return err
	}
	return named(fields <= 1)
}

// texts reads an ArrayValue of texts.
func texts(field *schema.Field, encoded []byte) error {
	var list []string
	text := message{1: bytes(func(b []byte) error { list = append(list, string(b)); return nil })}
	err := message{1: many(bytes(func(b []byte) error {
		before := len(list)
		if err := text.read(b); err != nil {
			return err
		}
		return named(len(list) == before+1) // an AnyValue that is a text
	}))}.read(encoded)
	if err != nil {
		return err
	}
	return named(field.AllowsTexts(list))
}

// id returns what reads an id of so many bytes; OTLP has all zeros invalid.
func id(length int) func([]byte) error {
	return func(b []byte) error {
		return named(len(b) == length && slices.ContainsFunc(b, func(c byte) bool { return c != 0 }))
	}
}

func named(ok bool) error {
	if !ok {
		return ErrNotNamed
	}
	return nil
}
