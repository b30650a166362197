// SPDX-License-Identifier: MIT

package telemetry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"runspan/internal/schema"
)

// longestShown is how many bytes of a key or value a strict client logs.
const longestShown = 80

// refuse returns the error of a call. A strict client logs what the call was given, and
// why it is refused; no other client gets a value into a log. v may be nil.
func (c *Client) refuse(err error, what, key string, v *Value, why func() string) error {
	if c.strict == nil {
		return err
	}
	line := "refused: " + what + " " + quoted(key)
	switch {
	case v == nil:
	case errors.Is(err, schema.ErrType):
		line += ": " + v.shown() + " is " + v.Kind.words() + "; " + why()
		c.strict(LevelError, line)
		return err
	default:
		line += ": " + v.shown()
	}
	c.strict(LevelError, line+": "+why())
	return err
}

// RefuseStatus returns the error of a status that does not exist.
func (c *Client) RefuseStatus(status int, err error) error {
	return c.refuse(err, "status", strconv.Itoa(status), nil, func() string { return "there are 0 (unset), 1 (ok) and 2 (error)" })
}

var kindWords = map[Kind]string{
	String: "a string", Int: "an int", Double: "a double", Bool: "a bool", Texts: "a list of strings", Null: "null",
}

func (k Kind) words() string { return kindWords[k] }

// shown returns the value for a log line, printable and at most longestShown bytes long.
func (v *Value) shown() string {
	switch v.Kind {
	case String:
		return strconv.Quote(cut(v.Text))
	case Int:
		return strconv.FormatInt(v.Int, 10)
	case Double:
		return strconv.FormatFloat(v.Double, 'g', -1, 64)
	case Bool:
		return strconv.FormatBool(v.Bool)
	case Texts:
		if len(v.Texts) >= unread {
			return fmt.Sprintf("a list of %d texts or more", unread)
		}
		return cut(fmt.Sprintf("%q", v.Texts))
	}
	return "null"
}

// quoted returns a key for a log line. It quotes the key unless it is short and printable.
func quoted(key string) string {
	if text := cut(key); strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsGraphic(r) }) || text != key || key == "" {
		return strconv.Quote(text)
	}
	return key
}

func cut(text string) string {
	if len(text) <= longestShown {
		return text
	}
	return text[:longestShown] + "..."
}
