// SPDX-License-Identifier: MIT

package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The JSON, as it is written.
type document struct {
	Comment       string                              `json:"$schema"`
	SchemaVersion int                                 `json:"schema_version"`
	Service       string                              `json:"service"`
	Destination   string                              `json:"destination"`
	Pins          []string                            `json:"pins"`
	Scope         string                              `json:"scope"`
	Limits        limits                              `json:"limits"`
	Spool         spoolLimits                         `json:"spool"`
	Spans         map[string]string                   `json:"spans"`
	Resource      map[string]fieldDocument            `json:"resource"`
	Attributes    map[string]fieldDocument            `json:"attributes"`
	Events        map[string]map[string]fieldDocument `json:"events"`
	Record        map[string]struct{ fieldReader }    `json:"record"`
}

type limits struct {
	TextBytes *int `json:"text_bytes"`
	ListItems *int `json:"list_items"`
}

// spoolLimits: nil is a limit that is not given.
type spoolLimits struct {
	Files   *int64 `json:"files"`
	Bytes   *int64 `json:"bytes"`
	AgeDays *int64 `json:"age_days"`
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

// oneOrMore is a text, or a list of several.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		err := json.Unmarshal(text, (*[]string)(o))
		if err == nil && len(*o) == 1 {
			err = errors.New("a list of one type")
		}
		return err
	}
	*o = make(oneOrMore, 1)
	return json.Unmarshal(text, &(*o)[0])
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
	s, err := parse(text)
	if err != nil {
		return nil, Located(text, err)
	}
	return s, nil
}

var errService = errors.New("the schema is another service's")

// ParseFor is Parse, for a schema that has to be the service's.
func ParseFor(service, text string) (*Schema, error) {
	s, err := Parse([]byte(text))
	if err == nil && s.Service != service {
		return nil, errService
	}
	return s, err
}

func parse(text []byte) (*Schema, error) {
	if !utf8.Valid(text) {
		return nil, misplaced{0, "it is not UTF-8"}
	}
	var d document
	if err := strict(text, &d); err != nil {
		return nil, err
	}
	keys, err := scan(text)
	if err != nil {
		return nil, err
	}
	return build(&d, keys)
}

// Located adds, to an error of this package about a schema, the line in its text.
func Located(text []byte, err error) error { return fmt.Errorf("line %d: %w", lineOf(text, err), err) }

func lineOf(text []byte, err error) int {
	var (
		syntax *json.SyntaxError
		typed  *json.UnmarshalTypeError
		bad    invalid
		placed misplaced
		end    = len(text)
	)
	switch {
	case errors.As(err, &placed):
		end = placed.at
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

// isServiceName says whether a name is [a-z][a-z0-9_-]{0,62}.
func isServiceName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return name != "" && len(name) <= 63 && strings.Contains(letters, name[:1]) && strings.Trim(name, letters+"0123456789_-") == ""
}

// build also takes the keys of the exception event, in their order.
func build(d *document, keys []string) (*Schema, error) {
	switch {
	case d.SchemaVersion != 1:
		return nil, invalid{"schema_version", "schema_version is not 1"}
	case !isServiceName(d.Service):
		return nil, invalid{"service", "service is no name of a service"}
	case !validDestination(d.Destination):
		return nil, invalid{"destination", "destination is not an https URL"}
	case d.Scope == "":
		return nil, invalid{"scope", "scope is empty"}
	case d.Limits.TextBytes == nil || d.Limits.ListItems == nil:
		return nil, invalid{"limits", "limits needs text_bytes and list_items"}
	case *d.Limits.TextBytes < 1 || *d.Limits.TextBytes > 4096:
		return nil, invalid{"text_bytes", "text_bytes is not between 1 and 4096"}
	case *d.Limits.ListItems < 1 || *d.Limits.ListItems > 1024:
		return nil, invalid{"list_items", "list_items is not between 1 and 1024"}
	case len(d.Spans) == 0:
		return nil, invalid{"spans", "spans is empty"}
	}
	files, bytes, days := int64(2000), int64(128<<20), int64(30)
	for _, limit := range []struct {
		name  string
		given *int64
		most  int64
		limit *int64
	}{
		{"files", d.Spool.Files, 100_000, &files},
		{"bytes", d.Spool.Bytes, 1 << 30, &bytes},
		{"age_days", d.Spool.AgeDays, 366, &days},
	} {
		if limit.given == nil {
			continue
		}
		if *limit.given < 1 || *limit.given > limit.most {
			return nil, invalid{limit.name, fmt.Sprintf("%s is not between 1 and %d", limit.name, limit.most)}
		}
		*limit.limit = *limit.given
	}
	s := &Schema{
		Service:     d.Service,
		Destination: d.Destination,
		Scope:       d.Scope,
		SpoolFiles:  int(files),
		SpoolBytes:  bytes,
		SpoolAge:    24 * time.Hour * time.Duration(days),
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
	// In order, so that of several faults the same is named each time.
	for _, key := range slices.Sorted(maps.Keys(d.Resource)) {
		document := d.Resource[key]
		field, err := newField(key, &document, &d.Limits)
		if err != nil {
			return nil, err
		}
		s.resource[key] = field
	}
	for _, key := range slices.Sorted(maps.Keys(d.Attributes)) {
		document := d.Attributes[key]
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
		for _, key := range keys {
			document := fields[key]
			field, err := newField(key, &document, &d.Limits)
			if err != nil {
				return nil, err
			}
			if !field.fixed() {
				return nil, invalid{key, key + ": has neither source nor constant"}
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

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

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
		textBytes: *l.TextBytes,
		listItems: *l.ListItems,

		given:       d.Example,
		description: d.Description,
	}
	for _, name := range d.Type {
		k, ok := kinds[name]
		if !ok {
			return wrong(fmt.Sprintf("no type is named %q", name))
		}
		if f.kind&k != 0 {
			return wrong("has a type twice")
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
		_, err := syntax.Parse(d.Pattern, syntax.Perl) // alone: one with a ) could end the group
		if err == nil {
			f.pattern, err = regexp.Compile(`\A(?:` + d.Pattern + `)\z`)
		}
		if err != nil {
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
	case d.Values != nil && len(f.values) == 0:
		return wrong("values is empty")
	case len(f.values) != len(d.Values):
		return wrong("has a value twice")
	case len(f.spans) != len(unique(f.spans)):
		return wrong("has a span twice")
	case d.Example == nil:
		return wrong("has no example")
	case d.Description == "":
		return wrong("has no description")
	}
	return f, nil
}
