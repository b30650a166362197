// SPDX-License-Identifier: MIT

package gateextension

import "google.golang.org/protobuf/encoding/protowire"

// nesting has the fields of a protobuf message that are messages themselves.
type nesting map[protowire.Number]nesting

// request is OTLP's ExportTraceServiceRequest, by its field numbers.
var request = func() nesting {
	text := nesting{}
	value := nesting{}
	keyValue := nesting{2: value}
	value[5] = nesting{1: value}    // a list
	value[6] = nesting{1: keyValue} // a map
	attributes := func(at protowire.Number) nesting { return nesting{at: keyValue} }
	span := nesting{9: keyValue, 11: attributes(3), 13: attributes(4), 15: nesting{2: text}}
	spans := nesting{1: attributes(3), 2: span}
	entity := nesting{3: text, 4: text}
	return nesting{1: nesting{
		1:    nesting{1: keyValue, 3: entity},
		2:    spans,
		1000: spans, // the field of OTLP before 0.15, which the receiver still decodes
	}}
}()

const (
	textBytes = 4 << 10
	deepest   = 8 // a value in a list in an event's attribute; reports have no lists of lists
)

// bounded reports whether the bytes are protobuf fields with at most limit fields that
// have a length, in all nested messages together. No field may be longer than textBytes,
// except for messages.
func bounded(encoded []byte, limit int) bool {
	return request.count(encoded, &limit, deepest)
}

func (m nesting) count(encoded []byte, left *int, deep int) bool {
	for len(encoded) > 0 {
		number, kind, length := protowire.ConsumeTag(encoded)
		if length < 0 {
			return false
		}
		encoded = encoded[length:]
		if kind != protowire.BytesType {
			if length = protowire.ConsumeFieldValue(number, kind, encoded); length < 0 {
				return false
			}
			encoded = encoded[length:]
			continue
		}
		content, length := protowire.ConsumeBytes(encoded)
		if length < 0 {
			return false
		}
		encoded = encoded[length:]
		if *left--; *left < 0 {
			return false
		}
		if inner := m[number]; len(inner) > 0 {
			if deep == 0 || !inner.count(content, left, deep-1) {
				return false
			}
		} else if len(content) > textBytes {
			return false
		}
	}
	return true
}
