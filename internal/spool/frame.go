// SPDX-License-Identifier: MIT

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"
)

// A file is a header of 20 bytes and the request:
//
//	7  "runspan"
//	1  what the file is: kind
//	4  version, 1
//	4  the request's length
//	4  its CRC-32C
//
// and zeros, where it has room for more. Numbers are big-endian. The version
// changes with the content; a file that an older runspan must not even look at
// has another name instead (state).
const (
	magic       = "runspan\n" // of a batch
	version     = 1
	headerBytes = len(magic) + 12
	kindAt      = len(magic) - 1
	maxRequest  = 16 << 20
)

// kind is what a file is, by its eighth byte.
type kind byte

const (
	kindWhole     kind = '\n' // a batch
	kindStandby   kind = '+'  // it may have room
	kindInPlace   kind = '='  // a batch, written into the room of a standby
	kindWithdrawn kind = '-'  // nothing any more
)

var (
	errFrame = errors.New("not a file of this spool, or not a whole one")
	// errWithdrawn says that there is nothing to report.
	errWithdrawn = errors.New("a standby that was withdrawn")
)

// castagnoli returns the table, which takes 0.2 ms to make: not while the host waits
// for the core to load.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

func frame(request []byte) []byte { return frameOf(kindWhole, request, 0) }

// frameOf also has so many bytes of room.
func frameOf(what kind, request []byte, room int) []byte {
	b := make([]byte, 0, headerBytes+len(request)+room)
	b = append(b, magic[:kindAt]...)
	b = append(b, byte(what))
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(request)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(request, castagnoli()))
	b = append(b, request...)
	return b[:len(b)+room]
}

// unframe returns the request of a file's content, in the same memory.
func unframe(content []byte) ([]byte, error) {
	if len(content) < headerBytes || string(content[:kindAt]) != magic[:kindAt] {
		return nil, errFrame
	}
	what, numbers, request := kind(content[kindAt]), content[len(magic):headerBytes], content[headerBytes:]
	length := binary.BigEndian.Uint32(numbers[4:])
	if what == kindWithdrawn {
		return nil, errWithdrawn
	}
	if what == kindStandby || what == kindInPlace {
		request = withoutRoom(request, length)
	} else if what != kindWhole {
		return nil, errFrame
	}
	if binary.BigEndian.Uint32(numbers) != version || length != uint32(len(request)) ||
		binary.BigEndian.Uint32(numbers[8:]) != crc32.Checksum(request, castagnoli()) {
		return nil, errFrame
	}
	return request, nil
}

// withoutRoom cuts the zeros off that follow a request of this length.
func withoutRoom(request []byte, length uint32) []byte {
	if uint64(length) > uint64(len(request)) || len(bytes.TrimLeft(request[length:], "\x00")) > 0 {
		return request
	}
	return request[:length]
}
