// SPDX-License-Identifier: MIT

package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"sync"
)

// A file has a header of 20 bytes, the request, and zeros as padding. The header is
//
//	7  "runspan"
//	1  the kind of the file
//	4  the version, 1
//	4  the length of the request
//	4  the CRC-32C of the request
//
// Numbers are big-endian. A change of the content needs another version. A file that
// an older runspan must not read at all needs another name (fileState).
const (
	magic       = "runspan\n" // the first bytes of a batch
	version     = 1
	headerBytes = len(magic) + 12
	kindAt      = len(magic) - 1
	maxRequest  = 16 << 20
)

// kind is the kind of a file: its eighth byte.
type kind byte

const (
	kindWhole     kind = '\n' // a batch, without padding
	kindStandby   kind = '+'  // a standby, perhaps with padding
	kindInPlace   kind = '='  // a batch that replaced a standby in the same file, with padding
	kindWithdrawn kind = '-'  // a standby without a report
)

var (
	errFrame = errors.New("not a file of this spool, or not complete")
	// errWithdrawn says that the file has no report.
	errWithdrawn = errors.New("the standby was withdrawn")
)

// castagnoli returns the table of the CRC. It makes the table at the first use, because
// that takes 0.2 ms, and the host waits while the core is loaded.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

func frame(request []byte) []byte { return frameOf(kindWhole, request, 0) }

// frameOf returns the content of a file, with that many bytes of padding.
func frameOf(what kind, request []byte, padding int) []byte {
	b := make([]byte, 0, headerBytes+len(request)+padding)
	b = append(b, magic[:kindAt]...)
	b = append(b, byte(what))
	b = binary.BigEndian.AppendUint32(b, version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(request)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(request, castagnoli()))
	b = append(b, request...)
	return b[:len(b)+padding]
}

// unframe returns the request in a file's content. The result shares its memory.
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
		request = withoutPadding(request, length)
	} else if what != kindWhole {
		return nil, errFrame
	}
	if binary.BigEndian.Uint32(numbers) != version || length != uint32(len(request)) ||
		binary.BigEndian.Uint32(numbers[8:]) != crc32.Checksum(request, castagnoli()) {
		return nil, errFrame
	}
	return request, nil
}

// withoutPadding removes the zeros after a request of this length. If there is
// anything else, it removes nothing.
func withoutPadding(request []byte, length uint32) []byte {
	if uint64(length) > uint64(len(request)) || len(bytes.TrimLeft(request[length:], "\x00")) > 0 {
		return request
	}
	return request[:length]
}
