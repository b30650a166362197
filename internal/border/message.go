// SPDX-License-Identifier: MIT

package border

import "google.golang.org/protobuf/encoding/protowire"

// message says, by number, what fields a protobuf message may have, and what
// reads each. All others are refused.
type message [17]reader

type reader struct {
	kind protowire.Type
	many bool              // the field is a list: it may come again
	read func(value) error // nil: there is no such field
}

// value is a field's: its bytes, or a number's bits.
type value struct {
	bytes []byte
	bits  uint64
}

func bytes(read func([]byte) error) reader {
	return reader{kind: protowire.BytesType, read: func(v value) error { return read(v.bytes) }}
}

func varint(allowed func(uint64) bool) reader {
	return reader{kind: protowire.VarintType, read: func(v value) error { return named(allowed(v.bits)) }}
}

var fixed64 = reader{kind: protowire.Fixed64Type, read: func(value) error { return nil }}

func many(r reader) reader {
	r.many = true
	return r
}

// read reads an encoded message. What is no list may come once: readers differ
// in what they make of a second.
func (m message) read(encoded []byte) error {
	var seen uint32
	for len(encoded) > 0 {
		number, kind, length := protowire.ConsumeTag(encoded)
		if length < 0 {
			return ErrNotOTLP
		}
		encoded = encoded[length:]
		if int(number) >= len(m) || m[number].read == nil || m[number].kind != kind {
			return ErrNotNamed
		}
		if !m[number].many && seen&(1<<number) != 0 {
			return ErrNotNamed
		}
		seen |= 1 << number
		var v value
		switch kind {
		case protowire.BytesType:
			v.bytes, length = protowire.ConsumeBytes(encoded)
		case protowire.VarintType:
			v.bits, length = protowire.ConsumeVarint(encoded)
		case protowire.Fixed64Type:
			v.bits, length = protowire.ConsumeFixed64(encoded)
		default: // the only kind that is left in a message's readers
			var bits uint32
			bits, length = protowire.ConsumeFixed32(encoded)
			v.bits = uint64(bits)
		}
		if length < 0 {
			return ErrNotOTLP
		}
		encoded = encoded[length:]
		if err := m[number].read(v); err != nil {
			return err
		}
	}
	return nil
}
