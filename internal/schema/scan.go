// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// misplaced is an error with its offset in the text.
type misplaced struct {
	at     int
	reason string
}

func (e misplaced) Error() string { return e.reason }

// scan finds what encoding/json lets pass: a key twice, of which it takes the
// last; a member in other letters, which it takes for its own; and more after
// the end. It returns the keys of the exception event, in their order, which
// encoding/json does not keep.
func scan(text []byte) (keys []string, err error) {
	if !utf8.Valid(text) {
		return nil, misplaced{0, "it is not UTF-8"}
	}
	s := scanner{text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	if err := s.value(nil); err != nil {
		return nil, err
	}
	if _, err := s.decoder.Token(); err != io.EOF {
		rest := bytes.TrimLeft(text[s.decoder.InputOffset():], " \t\r\n")
		return nil, misplaced{len(text) - len(rest), "invalid character after the end"}
	}
	return s.keys, nil
}

// deepest is more than the format's own depth.
const deepest = 16

type scanner struct {
	text    []byte
	decoder *json.Decoder
	keys    []string
}

// value scans a value whose place is named by the keys that lead to it.
func (s *scanner) value(path []string) error {
	if len(path) > deepest {
		return misplaced{int(s.decoder.InputOffset()), "it is nested too deeply"}
	}
	token, err := s.decoder.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		for s.decoder.More() {
			if err := s.value(append(path, "")); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		seen := make(map[string]bool)
		for s.decoder.More() {
			token, err := s.decoder.Token()
			if err != nil {
				return err
			}
			key, at := token.(string), int(s.decoder.InputOffset())
			switch {
			case seen[key]:
				return misplaced{at, fmt.Sprintf("%q is there twice", key)}
			case hasMembers(path) && !isMemberName(key):
				return misplaced{at, fmt.Sprintf("unknown field %q", key)}
			}
			seen[key] = true
			if len(path) == 2 && path[0] == "events" && path[1] == ExceptionEvent {
				s.keys = append(s.keys, key)
			}
			if err := s.value(append(path, key)); err != nil {
				return err
			}
		}
	default:
		return nil
	}
	_, err = s.decoder.Token() // the end
	return err
}

// isMemberName says whether encoding/json takes a key for no member's but that of
// the same name. It folds case, and Unicode has a long s and a Kelvin sign.
func isMemberName(key string) bool {
	return strings.Trim(key, "$abcdefghijklmnopqrstuvwxyz_") == ""
}

// hasMembers says whether the keys of an object at that place are the format's,
// all of them in lower case, and not the schema's.
func hasMembers(path []string) bool {
	switch len(path) {
	case 0:
		return true
	case 1:
		return path[0] == "limits" || path[0] == "spool"
	case 2:
		return path[0] == "resource" || path[0] == "attributes" || path[0] == "record"
	case 3:
		return path[0] == "events"
	}
	return false
}
