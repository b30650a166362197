// SPDX-License-Identifier: MIT

package border

import "google.golang.org/protobuf/encoding/protowire"

// message has the reader of each field that a protobuf message may have, by the field's
// number. All other fields are refused.
type message [17]reader

type reader struct {
	kind     protowire.Type
	repeated bool
	read     func(value) error // nil: the message may not have this field
}

// value is the value of a field: its bytes, or the bits of a number.
type value struct {
	bytes []byte
	bits  uint64
}

func bytes(read func([]byte) error) reader {
	return reader{kind: protowire.BytesType, read: func(v value) error { return read(v.bytes) }}
}

func varint(ok func(uint64) bool) reader {
	return reader{kind: protowire.VarintType, read: func(v value) error { return allowed(ok(v.bits)) }}
}

var fixed64 = reader{kind: protowire.Fixed64Type, read: func(value) error { return nil }}

func repeated(r reader) reader {
	r.repeated = true
	return r
}

// read reads an encoded message. It refuses a second value of a field that is not
// repeated, because programs differ in how they read it.
func (m message) read(encoded []byte) error {
	var seen uint32
	for len(encoded) > 0 {
		number, kind, length := protowire.ConsumeTag(encoded)
		if length < 0 {
			return ErrNotOTLP
		}
		encoded = encoded[length:]
		if int(number) >= len(m) || m[number].read == nil || m[number].kind != kind {
			return ErrNotAllowed
		}
		if !m[number].repeated && seen&(1<<number) != 0 {
			return ErrNotAllowed
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
		default: // Fixed32Type: messages here have no other
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
