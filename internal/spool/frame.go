// SPDX-License-Identifier: MIT

package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A file is a header of 20 bytes and the request:
//
//	8  "runspan\n"
//	4  version, 1
//	4  the request's length
//	4  its CRC-32C
//
// Numbers are big-endian. The version changes with the content; a file that an
// older runspan must not even look at has another name instead (state).
const (
	magic       = "runspan\n"
	version     = 1
	headerBytes = len(magic) + 12
	maxRequest  = 16 << 20
)

var errFrame = errors.New("not a file of this spool, or not a whole one")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func frame(request []byte) []byte {
	b := make([]byte, 0, headerBytes+len(request))
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(request)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(request, castagnoli))
	return append(b, request...)
}

// unframe returns the request of a file's content, in the same memory.
func unframe(content []byte) ([]byte, error) {
	if len(content) < headerBytes || string(content[:len(magic)]) != magic {
		return nil, errFrame
	}
	numbers, request := content[len(magic):headerBytes], content[headerBytes:]
	if binary.BigEndian.Uint32(numbers) != version ||
		binary.BigEndian.Uint32(numbers[4:]) != uint32(len(request)) ||
		binary.BigEndian.Uint32(numbers[8:]) != crc32.Checksum(request, castagnoli) {
		return nil, errFrame
	}
	return request, nil
}
