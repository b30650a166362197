// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
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
// encoding/json does not keep. The text begins with JSON that encoding/json has
// decoded: to ask its decoder for each token once more would take most of the
// time of Parse.
func scan(text []byte) (keys []string, err error) {
	s := scanner{text: text}
	if err := s.value(nil); err != nil {
		return nil, err
	}
	if rest := bytes.TrimLeft(text[s.at:], " \t\r\n"); len(rest) > 0 {
		return nil, misplaced{len(text) - len(rest), "invalid character after the end"}
	}
	return s.keys, nil
}

// deepest is more than the format's own depth.
const deepest = 16

type scanner struct {
	text []byte
	at   int // what has been read
	keys []string
}

// value scans a value whose place is named by the keys that lead to it.
func (s *scanner) value(path []string) error {
	if len(path) > deepest {
		return misplaced{s.at, "it is nested too deeply"}
	}
	switch s.next() {
	case '[':
		return s.list(path)
	case '{':
		return s.object(path)
	case '"':
		s.quoted()
	default: // a number, true, false or null
		for s.at < len(s.text) && strings.IndexByte(" \t\r\n,]}", s.text[s.at]) < 0 {
			s.at++
		}
	}
	return nil
}

func (s *scanner) list(path []string) error {
	for s.at++; s.next() != ']'; {
		if err := s.value(append(path, "")); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

func (s *scanner) object(path []string) error {
	seen := make(map[string]bool)
	for s.at++; s.next() != '}'; {
		key := s.key()
		switch {
		case seen[key]:
			return misplaced{s.at, fmt.Sprintf("%q is there twice", key)}
		case hasMembers(path) && !isMemberName(key):
			return misplaced{s.at, fmt.Sprintf("unknown field %q", key)}
		}
		seen[key] = true
		if len(path) == 2 && path[0] == "events" && path[1] == ExceptionEvent {
			s.keys = append(s.keys, key)
		}
		if err := s.value(append(path, key)); err != nil {
			return err
		}
	}
	s.at++
	return nil
}

// next goes to the next token that is not white space, a comma or a colon, and
// returns its first byte.
func (s *scanner) next() byte {
	for {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			s.at++
		default:
			return c
		}
	}
}

// quoted reads a text, and returns it with its quotation marks.
func (s *scanner) quoted() []byte {
	begin := s.at
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.text[begin:s.at]
}

func (s *scanner) key() string {
	quoted := s.quoted()
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var key string
	_ = json.Unmarshal(quoted, &key) // which has gone well before
	return key
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
