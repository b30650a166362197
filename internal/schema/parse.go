// SPDX-License-Identifier: MIT

package schema

import (
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// document is the JSON of a schema. A pointer, map or slice is nil where its member is missing.
type document struct {
	SchemaVersion *int                                `json:"schema_version"`
	Service       string                              `json:"service"`
	Destination   string                              `json:"destination"`
	Pins          []string                            `json:"pins"`
	Scope         *string                             `json:"scope"`
	Limits        limits                              `json:"limits"`
	Spool         spoolLimits                         `json:"spool"`
	LingerMS      *int64                              `json:"linger_ms"`
	Spans         map[string]string                   `json:"spans"`
	Resource      map[string]fieldDocument            `json:"resource"`
	Attributes    map[string]fieldDocument            `json:"attributes"`
	Events        map[string]map[string]fieldDocument `json:"events"`
}

type limits struct {
	TextBytes *int64 `json:"text_bytes"`
	ListItems *int64 `json:"list_items"`
}

type spoolLimits struct {
	Files   *int64 `json:"files"`
	Bytes   *int64 `json:"bytes"`
	AgeDays *int64 `json:"age_days"`
}

type fieldDocument struct {
	Type        oneOrMore `json:"type"`
	Spans       []string  `json:"spans"`
	Values      []string  `json:"values"`
	Pattern     string    `json:"pattern"`
	Otherwise   *string   `json:"otherwise"`
	Minimum     *float64  `json:"minimum"`
	Maximum     *float64  `json:"maximum"`
	AsText      bool      `json:"as_text"`
	Source      string    `json:"source"`
	Constant    *string   `json:"constant"`
	Example     any       `json:"example"`
	Description string    `json:"description"`
}

// oneOrMore is a text, or a list of texts.
type oneOrMore []string

// UnmarshalJSON implements json.Unmarshaler. It returns no error, because encoding/json
// would stop there. scan finds values of another type.
func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		_ = json.Unmarshal(text, (*[]string)(o))
		return nil
	}
	*o = make(oneOrMore, 1)
	_ = json.Unmarshal(text, &(*o)[0])
	return nil
}

// Parse reads a schema. Its error is Faults.
func Parse(text []byte) (*Schema, error) {
	s, faults := parse(text)
	if len(faults) > 0 {
		return nil, locate(text, faults)
	}
	return s, nil
}

var errService = errors.New("the schema is another service's")

// ParseFor is Parse for the schema of that service.
func ParseFor(service, text string) (*Schema, error) {
	s, err := Parse([]byte(text))
	if err == nil && s.Service != service {
		return nil, errService
	}
	return s, err
}

func parse(text []byte) (*Schema, []*placed) {
	if !utf8.Valid(text) {
		return nil, []*placed{{reason: "it is not UTF-8"}}
	}
	var (
		d      document
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
		err    = json.Unmarshal(text, &d)
	)
	if errors.As(err, &syntax) {
		return nil, []*placed{{reason: syntax.Error(), offset: int(syntax.Offset)}}
	}
	exception, faults := scan(text)
	if len(faults) == 0 && errors.As(err, &typed) { // a number too large for its Go type
		faults = append(faults, &placed{reason: typed.Value + " is out of range", offset: int(typed.Offset), kind: true})
	}
	b := builder{document: &d, exception: exception, faults: faults}
	s := b.build()
	return s, b.faults
}

// Located makes Faults, with a line in the text, of an error of FixedResource.
func Located(text []byte, err error) error {
	if fault := (*placed)(nil); errors.As(err, &fault) {
		return locate(text, []*placed{fault})
	}
	return err
}
