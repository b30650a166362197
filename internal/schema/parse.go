// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The JSON, as it is written.
type document struct {
	Comment       string                           `json:"$schema"`
	SchemaVersion int                              `json:"schema_version"`
	Service       string                           `json:"service"`
	Destination   string                           `json:"destination"`
	Pins          []string                         `json:"pins"`
	Scope         string                           `json:"scope"`
	Limits        limits                           `json:"limits"`
	Spool         spoolLimits                      `json:"spool"`
	Spans         map[string]string                `json:"spans"`
	Resource      map[string]fieldDocument         `json:"resource"`
	Attributes    map[string]fieldDocument         `json:"attributes"`
	Events        map[string]ordered               `json:"events"`
	Record        map[string]struct{ fieldReader } `json:"record"`
}

type limits struct {
	TextBytes int `json:"text_bytes"`
	ListItems int `json:"list_items"`
}

// spoolLimits: 0 is a limit that is not given.
type spoolLimits struct {
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	AgeDays int   `json:"age_days"`
}

type fieldDocument struct {
	Type      oneOrMore `json:"type"`
	Spans     []string  `json:"spans"`
	Values    []string  `json:"values"`
	Pattern   string    `json:"pattern"`
	Otherwise *string   `json:"otherwise"`
	Minimum   *float64  `json:"minimum"`
	Maximum   *float64  `json:"maximum"`
	AsText    bool      `json:"as_text"`
	Source    string    `json:"source"`
	Constant  *string   `json:"constant"`
	fieldReader
}

// fieldReader is what a field says to people.
type fieldReader struct {
	Example     any    `json:"example"`
	Description string `json:"description"`
	DerivedFrom string `json:"derived_from"`
}

// oneOrMore is a text, or a list of texts.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(o))
	}
	*o = make(oneOrMore, 1)
	return json.Unmarshal(text, &(*o)[0])
}

// ordered is a JSON object of fields that keeps their order.
type ordered []struct {
	key   string
	field fieldDocument
}

func (o *ordered) UnmarshalJSON(text []byte) error {
	var fields map[string]fieldDocument
	if err := strict(text, &fields); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if _, err := decoder.Token(); err != nil { // the brace
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var skip json.RawMessage
		if err := decoder.Decode(&skip); err != nil {
			return err
		}
		*o = append(*o, struct {
			key   string
			field fieldDocument
		}{key.(string), fields[key.(string)]})
	}
	return nil
}

// strict refuses what the document does not have: a misspelt bound must not
// pass for none.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// invalid is a reason with the text, usually a key, that shows where it is.
type invalid struct{ at, reason string }

func (e invalid) Error() string { return e.reason }

// Parse reads a schema. The error of a bad one names the line and the reason.
func Parse(text []byte) (*Schema, error) {
	var d document
	if err := strict(text, &d); err != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(text, err), err)
	}
	s, err := build(&d)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", lineOf(text, err), err)
	}
	return s, nil
}

func lineOf(text []byte, err error) int {
	var (
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
		bad    invalid
		end    = len(text)
	)
	switch {
	case errors.As(err, &syntax):
		end = int(syntax.Offset)
	case errors.As(err, &typed):
		end = int(typed.Offset)
	case errors.As(err, &bad):
		end = bytes.Index(text, []byte(`"`+bad.at+`"`))
	default: // an unknown field: encoding/json gives its name, not its place
		if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
			end = bytes.Index(text, []byte(name))
		}
	}
	return 1 + bytes.Count(text[:max(0, min(end, len(text)))], []byte("\n"))
}

var defaultSpool = spoolLimits{Files: 2000, Bytes: 128 << 20, AgeDays: 30}

var serviceName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func build(d *document) (*Schema, error) {
	switch {
	case d.SchemaVersion != 1:
		return nil, invalid{"schema_version", "schema_version is not 1"}
	case !serviceName.MatchString(d.Service):
		return nil, invalid{"service", "service is no name of a service"}
	case !validDestination(d.Destination):
		return nil, invalid{"destination", "destination is not an https URL"}
	case d.Scope == "":
		return nil, invalid{"scope", "scope is empty"}
	case d.Limits.TextBytes < 1 || d.Limits.TextBytes > 4096:
		return nil, invalid{"text_bytes", "text_bytes is not between 1 and 4096"}
	case d.Limits.ListItems < 1 || d.Limits.ListItems > 1024:
		return nil, invalid{"list_items", "list_items is not between 1 and 1024"}
	case d.Spool.Files < 0 || d.Spool.Files > 100_000:
		return nil, invalid{"files", "files is not between 1 and 100000"}
	case d.Spool.Bytes < 0 || d.Spool.Bytes > 1<<30:
		return nil, invalid{"bytes", "bytes is not between 1 and 1073741824"}
	case d.Spool.AgeDays < 0 || d.Spool.AgeDays > 366:
		return nil, invalid{"age_days", "age_days is not between 1 and 366"}
	case len(d.Spans) == 0:
		return nil, invalid{"spans", "spans is empty"}
	}
	s := &Schema{
		Service:     d.Service,
		Destination: d.Destination,
		Scope:       d.Scope,
		SpoolFiles:  cmp.Or(d.Spool.Files, defaultSpool.Files),
		SpoolBytes:  cmp.Or(d.Spool.Bytes, defaultSpool.Bytes),
		SpoolAge:    24 * time.Hour * time.Duration(cmp.Or(d.Spool.AgeDays, defaultSpool.AgeDays)),
		spans:       make(map[string]string, len(d.Spans)),
		resource:    make(map[string]*Field, len(d.Resource)),
		attributes:  make(map[string]*Field, len(d.Attributes)),
	}
	for _, pin := range d.Pins {
		hash, err := parsePin(pin)
		if err != nil {
			return nil, err
		}
		s.Pins = append(s.Pins, hash)
	}
	for name := range d.Spans {
		s.spans[name] = name
	}
	for key, document := range d.Resource {
		field, err := newField(key, &document, &d.Limits)
		if err != nil {
			return nil, err
		}
		s.resource[key] = field
	}
	for key, document := range d.Attributes {
		field, err := newField(key, &document, &d.Limits)
		if err != nil {
			return nil, err
		}
		if err := checkSpans(field, d.Spans); err != nil {
			return nil, err
		}
		if field.source == sourceAborted {
			if s.aborted != nil {
				return nil, invalid{key, key + ": another attribute has this source"}
			}
			s.aborted = field
		}
		s.attributes[key] = field
	}
	for event, fields := range d.Events {
		if event != ExceptionEvent {
			return nil, invalid{event, "the only event is exception"}
		}
		for _, f := range fields {
			field, err := newField(f.key, &f.field, &d.Limits)
			if err != nil {
				return nil, err
			}
			if !field.fixed() {
				return nil, invalid{f.key, f.key + ": has neither source nor constant"}
			}
			s.exception = append(s.exception, field)
		}
	}
	return s, nil
}

// parsePin reads a pin as curl and RFC 7469 write it.
func parsePin(pin string) (hash [sha256.Size]byte, err error) {
	text, ok := strings.CutPrefix(pin, "sha256/")
	decoded, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(decoded) != len(hash) {
		return hash, invalid{pin, "a pin is sha256/ and the base64 of a hash"}
	}
	return [sha256.Size]byte(decoded), nil
}

func validDestination(destination string) bool {
	u, err := url.Parse(destination)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func checkSpans(field *Field, spans map[string]string) error {
	if len(field.spans) == 0 {
		return invalid{field.Key, field.Key + ": spans is empty"}
	}
	for _, name := range field.spans {
		if _, ok := spans[name]; !ok {
			return invalid{field.Key, fmt.Sprintf("%s: no span is named %q", field.Key, name)}
		}
	}
	if field.fixed() && field.source != sourceAborted {
		return invalid{field.Key, field.Key + ": an attribute's only source is " + sourceAborted + ", and it is no constant"}
	}
	return nil
}

// sourceAborted is the source of the attribute, a bool, that marks the span of a
// run that did not come to its end.
const sourceAborted = "aborted"

var sources = []string{"service.name", "distro.name", "distro.version", "sdk.name", "sdk.language", "sdk.version", "error.type", sourceAborted}

func newField(key string, d *fieldDocument, l *limits) (*Field, error) {
	wrong := func(reason string) (*Field, error) { return nil, invalid{key, key + ": " + reason} }
	f := &Field{
		Key:       key,
		asText:    d.AsText,
		spans:     slices.Clone(d.Spans),
		otherwise: d.Otherwise,
		minimum:   d.Minimum,
		maximum:   d.Maximum,
		source:    d.Source,
		constant:  d.Constant,
		textBytes: l.TextBytes,
		listItems: l.ListItems,

		given:       d.Example,
		description: d.Description,
	}
	for _, name := range d.Type {
		k, ok := kinds[name]
		if !ok {
			return wrong(fmt.Sprintf("no type is named %q", name))
		}
		f.kind |= k
	}
	if d.Values != nil {
		f.values = make(map[string]string, len(d.Values))
		for _, v := range d.Values {
			f.values[v] = v
		}
	}
	if d.Pattern != "" {
		var err error
		if f.pattern, err = regexp.Compile(`\A(?:` + d.Pattern + `)\z`); err != nil {
			return wrong("the pattern is not RE2")
		}
	}
	isText := f.kind&(kindString|kindStrings) != 0
	switch {
	case f.kind == 0:
		return wrong("has no type")
	case isText && f.values == nil && f.pattern == nil && f.constant == nil:
		return wrong("a text needs values, a pattern or a constant")
	case d.Source != "" && !slices.Contains(sources, d.Source):
		return wrong(fmt.Sprintf("there is no source %q", d.Source))
	case f.source == sourceAborted && (f.kind != kindBool || f.constant != nil || len(f.spans) == 0):
		return wrong("only an attribute that is a bool has the source " + sourceAborted)
	case f.fixed() && f.source != sourceAborted && f.kind != kindString:
		return wrong("what runspan sets is a string")
	case f.minimum != nil && f.maximum != nil && *f.minimum > *f.maximum:
		return wrong("minimum is above maximum")
	case d.Description == "":
		return wrong("has no description")
	}
	return f, nil
}
