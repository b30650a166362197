// SPDX-License-Identifier: MIT

package schema

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"
)

// The limits of a schema that does not set them.
const (
	defaultTextBytes  = 128
	defaultListItems  = 64
	defaultSpoolFiles = 2000
	defaultSpoolBytes = 128 << 20
	defaultSpoolDays  = 30
)

// MaxLinger is the longest linger_ms, and that of a schema without it.
const MaxLinger = 3 * time.Second

// builder makes a Schema of a document, and collects the faults.
type builder struct {
	document  *document
	exception []string // the keys of the exception event, in their order
	faults    []*placed

	textBytes, listItems int
}

func (b *builder) wrong(reason string, keys ...string) {
	b.faults = append(b.faults, &placed{keys: keys, reason: reason})
}

// faultOf records a fault of a field. of names the members that the fault is about, with
// spaces between them.
type faultOf func(reason, of string)

// of returns a function for the faults of the field at the end of the keys.
func (b *builder) of(keys ...string) faultOf {
	return func(reason, of string) {
		b.faults = append(b.faults, &placed{keys: keys, of: strings.Fields(of), reason: keys[len(keys)-1] + ": " + reason})
	}
}

func (b *builder) build() *Schema {
	d := b.document
	b.checkHead()
	b.textBytes = int(b.limit(d.Limits.TextBytes, defaultTextBytes, 1, 4096, "limits", "text_bytes"))
	b.listItems = int(b.limit(d.Limits.ListItems, defaultListItems, 1, 1024, "limits", "list_items"))
	s := &Schema{
		Service:     d.Service,
		Destination: d.Destination,
		Pins:        b.pins(),
		Scope:       d.Service,
		TextBytes:   b.textBytes,
		ListItems:   b.listItems,
		SpoolFiles:  int(b.limit(d.Spool.Files, defaultSpoolFiles, 1, 100_000, "spool", "files")),
		SpoolBytes:  b.limit(d.Spool.Bytes, defaultSpoolBytes, 1, 1<<30, "spool", "bytes"),
		SpoolAge:    24 * time.Hour * time.Duration(b.limit(d.Spool.AgeDays, defaultSpoolDays, 1, 366, "spool", "age_days")),
		Linger:      time.Millisecond * time.Duration(b.limit(d.LingerMS, MaxLinger.Milliseconds(), 0, MaxLinger.Milliseconds(), "linger_ms")),
		HandsOver:   d.LingerMS != nil && *d.LingerMS > 0,
		spans:       make(map[string]string, len(d.Spans)),
		described:   d.Spans,
		resource:    make(map[string]*Field, len(d.Resource)),
		attributes:  make(map[string]*Field, len(d.Attributes)),
	}
	if d.Scope != nil {
		s.Scope = *d.Scope
	}
	for name := range d.Spans {
		s.spans[name] = name
	}
	for key, document := range b.resource() {
		s.resource[key] = b.field(&document, "resource", key)
	}
	for key, document := range d.Attributes {
		field := b.field(&document, "attributes", key)
		b.checkAttribute(field)
		s.attributes[key] = field
	}
	s.aborted = b.aborted(s.attributes)
	s.exception = b.exceptionFields()
	return s
}

// checkHead checks the members without fields.
func (b *builder) checkHead() {
	d := b.document
	if d.SchemaVersion != nil && *d.SchemaVersion != 1 {
		b.wrong("schema_version is not 1", "schema_version")
	}
	switch {
	case d.Service == "":
		b.wrong("service is missing", "service")
	case !isServiceName(d.Service):
		b.wrong("service is no name of a service: at most 63 lower-case letters, digits, - and _, a letter first", "service")
	}
	switch {
	case d.Destination == "":
		b.wrong("destination is missing", "destination")
	case !isDestination(d.Destination):
		b.wrong("destination is not an https URL", "destination")
	}
	if d.Scope != nil && *d.Scope == "" {
		b.wrong("scope is empty", "scope")
	}
	switch {
	case d.Spans == nil:
		b.wrong("spans is missing", "spans")
	case len(d.Spans) == 0:
		b.wrong("spans is empty", "spans")
	}
}

func (b *builder) limit(given *int64, otherwise, least, most int64, keys ...string) int64 {
	if given == nil {
		return otherwise
	}
	if *given < least || *given > most {
		b.wrong(fmt.Sprintf("%s is not between %d and %d", keys[len(keys)-1], least, most), keys...)
		return otherwise
	}
	return *given
}

// isServiceName says whether a name is [a-z][a-z0-9_-]{0,62}.
func isServiceName(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	return name != "" && len(name) <= 63 && strings.Contains(letters, name[:1]) && strings.Trim(name, letters+"0123456789_-") == ""
}

func isDestination(destination string) bool {
	u, err := url.Parse(destination)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// pins reads pins in the form of curl and RFC 7469.
func (b *builder) pins() (pins [][sha256.Size]byte) {
	for _, pin := range b.document.Pins {
		text, ok := strings.CutPrefix(pin, "sha256/")
		hash, err := base64.StdEncoding.DecodeString(text)
		if !ok || err != nil || len(hash) != sha256.Size {
			b.wrong("a pin is sha256/ and the base64 of a hash", "pins")
			continue
		}
		pins = append(pins, [sha256.Size]byte(hash))
	}
	return pins
}

// resource returns the fields of the resource. A schema without that member reports the
// name of its service: the collector finds the schema of a report by it.
func (b *builder) resource() map[string]fieldDocument {
	if b.document.Resource != nil {
		return b.document.Resource
	}
	return map[string]fieldDocument{"service.name": {
		Type:        oneOrMore{"string"},
		Source:      "service.name",
		Values:      []string{b.document.Service},
		Description: "The program that was run.",
	}}
}

func (b *builder) checkAttribute(field *Field) {
	wrong := b.of("attributes", field.Key)
	if len(field.spans) == 0 {
		wrong("spans is empty", "spans")
	}
	for _, name := range field.spans {
		if _, ok := b.document.Spans[name]; !ok && len(b.document.Spans) > 0 {
			wrong(fmt.Sprintf("no span is named %q%s", name, orOneOf(name, maps.Keys(b.document.Spans))), "spans")
		}
	}
	if field.constant != nil || field.source != sourceAborted && slices.Contains(sources, field.source) {
		wrong("an attribute's only source is "+sourceAborted+", and it may not be a constant", "source constant")
	}
}

// aborted returns the one attribute with the source aborted, or nil.
func (b *builder) aborted(attributes map[string]*Field) (found *Field) {
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		switch field := attributes[key]; {
		case field.source != sourceAborted:
		case found == nil:
			found = field
		default:
			b.of("attributes", key)("another attribute has this source: "+found.Key, "source")
		}
	}
	return found
}

func (b *builder) exceptionFields() (all []*Field) {
	for event, fields := range b.document.Events {
		if event != ExceptionEvent {
			b.wrong("the only event is "+ExceptionEvent, "events", event)
			continue
		}
		for _, key := range b.exception {
			document := fields[key]
			field := b.field(&document, "events", event, key)
			if !field.fixed() {
				b.of("events", event, key)("has neither source nor constant", "source constant")
			}
			all = append(all, field)
		}
	}
	return all
}

// sourceAborted is the source of a bool attribute that marks the span of a run that was
// killed.
const sourceAborted = "aborted"

var sources = []string{"service.name", "distro.name", "distro.version", "sdk.name", "sdk.language", "sdk.version", "error.type", sourceAborted}

func hasTwice(list []string) bool {
	return len(list) > 1 && len(slices.Compact(slices.Sorted(slices.Values(list)))) != len(list)
}

// field makes the field at the end of the keys.
func (b *builder) field(d *fieldDocument, keys ...string) *Field {
	key := keys[len(keys)-1]
	wrong := b.of(keys...)
	f := &Field{
		Key:         key,
		asText:      d.AsText,
		spans:       d.Spans,
		otherwise:   d.Otherwise,
		minimum:     d.Minimum,
		maximum:     d.Maximum,
		source:      d.Source,
		constant:    d.Constant,
		textBytes:   b.textBytes,
		listItems:   b.listItems,
		description: d.Description,
	}
	f.kind = kindOf(d.Type, wrong)
	if d.Values != nil {
		f.values = make(map[string]string, len(d.Values))
		for _, v := range d.Values {
			f.values[v] = v
		}
	}
	if d.Pattern != "" {
		f.pattern = patternOf(d.Pattern, wrong)
	}
	if f.given = d.Example; f.given == nil {
		f.given = f.derive(d.Values)
	}
	check(f, d, wrong)
	return f
}

func kindOf(types []string, wrong faultOf) (all kind) {
	if len(types) == 0 {
		wrong("has no type", "type")
	}
	for _, name := range types {
		k, ok := kinds[name]
		switch {
		case !ok:
			wrong(fmt.Sprintf("no type is named %q%s", name, orOneOf(name, maps.Keys(kinds))), "type")
		case all&k != 0:
			wrong("has a type twice", "type")
		}
		all |= k
	}
	return all
}

// patternOf returns the pattern for a whole text, or nil if it is not valid.
func patternOf(pattern string, wrong faultOf) *regexp.Regexp {
	_, err := syntax.Parse(pattern, syntax.Perl) // alone: a pattern with a ) could end the group
	if err == nil {
		var whole *regexp.Regexp
		if whole, err = regexp.Compile(`\A(?:` + pattern + `)\z`); err == nil {
			return whole
		}
	}
	wrong("the pattern is not RE2: "+err.Error(), "pattern")
	return nil
}

// check checks the members of a field against each other.
func check(f *Field, d *fieldDocument, wrong faultOf) {
	isText := f.kind&(kindString|kindStrings) != 0
	when := func(bad bool, reason, of string) {
		if bad {
			wrong(reason, of)
		}
	}
	when(isText && d.Values == nil && d.Pattern == "" && d.Constant == nil, "a text needs values, a pattern or a constant", "type values pattern constant")
	when(isText && d.Values == nil && d.Pattern != "" && d.Constant == nil && d.Example == nil, "a text with a pattern needs an example", "type values pattern constant")
	if d.Source != "" && !slices.Contains(sources, d.Source) {
		wrong(fmt.Sprintf("there is no source %q%s", d.Source, orOneOf(d.Source, slices.Values(sources))), "source")
	}
	if f.source == sourceAborted {
		when(f.kind != kindBool || f.constant != nil || len(f.spans) == 0, "only an attribute that is a bool has the source "+sourceAborted, "type source constant spans")
	} else {
		when(f.fixed() && f.kind != 0 && f.kind != kindString, "what runspan sets is a string", "type source constant")
	}
	when(f.minimum != nil && f.maximum != nil && *f.minimum > *f.maximum, "minimum is above maximum", "minimum maximum")
	when(d.Values != nil && len(f.values) == 0, "values is empty", "values")
	when(len(f.values) != len(d.Values), "has a value twice", "values")
	when(hasTwice(f.spans), "has a span twice", "spans")
	when(d.Description == "", "has no description", "description")
}
