// SPDX-License-Identifier: MIT

package schema_test

import (
	"errors"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"runspan/internal/schema"
)

const small = `{
  "schema_version": 1,
  "service": "demo",
  "destination": "https://collector.example/v1/traces",
  "scope": "demo",
  "limits": {"text_bytes": 16, "list_items": 2},
  "spans": {"run": "It was run.", "other run": "It was run otherwise."},
  "resource": {
    "service.name": {"type": "string", "source": "service.name", "values": ["demo"], "example": "demo", "description": "d"},
    "service.version": {"type": "string", "pattern": "[0-9.]+", "example": "1", "description": "d"}
  },
  "attributes": {
    "text": {"type": "string", "spans": ["run"], "pattern": ".*", "example": "", "description": "d"},
    "choice": {"type": "string", "spans": ["run"], "values": ["a", "b"], "example": "a", "description": "d"},
    "fallback": {"type": "string", "spans": ["run"], "values": ["a"], "otherwise": "other", "example": "a", "description": "d"},
    "count": {"type": "int", "spans": ["run", "other run"], "minimum": 1, "maximum": 9, "as_text": true, "example": 1, "description": "d"},
    "share": {"type": ["double", "int"], "spans": ["run"], "minimum": 0, "maximum": 1, "as_text": true, "example": 1, "description": "d"},
    "free": {"type": "double", "spans": ["run"], "example": 1, "description": "d"},
    "flag": {"type": "bool", "spans": ["run"], "as_text": true, "example": true, "description": "d"},
    "plain": {"type": "int", "spans": ["run"], "example": 1, "description": "d"},
    "list": {"type": "strings", "spans": ["run"], "values": ["a", "b"], "example": ["a"], "description": "d"}
  },
  "events": {"exception": {
    "exception.type": {"type": "string", "source": "error.type", "values": ["E"], "otherwise": "other", "example": "E", "description": "d"},
    "exception.message": {"type": "string", "constant": "", "example": "", "description": "d"}
  }},
  "record": {}
}`

func parse(t testing.TB, text string) *schema.Schema {
	t.Helper()
	s, err := schema.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStripePySchemaParses(t *testing.T) {
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	if s := parse(t, string(text)); s.Service != "stripepy" {
		t.Errorf("service is %q", s.Service)
	}
}

func TestBadSchemasAreRefusedWithLineAndReason(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"not JSON", `"demo",`, `"demo"`, "line 4: invalid character"},
		{"empty", small, ``, "line 1: unexpected end of JSON input"},
		{"another version", `"schema_version": 1`, `"schema_version": 2`, "line 2: schema_version is not 1"},
		{"misspelt bound", `"minimum": 1`, `"minimun": 1`, `line 16: unknown member "minimun"; perhaps "minimum"`},
		{"member in capitals", `"limits"`, `"Scope": "x", "limits"`, `line 6: unknown member "Scope"; perhaps "scope"`},
		{"member with a long s", `"limits"`, `"ſcope": "x", "limits"`, `line 6: unknown member "ſcope"; perhaps "scope"`},
		{"member with a long s, inside", `"minimum": 1`, `"minimum": 1, "valueſ": ["x"]`, `line 16: unknown member "valueſ"; perhaps "values"`},
		{"a key twice", `"minimum": 1`, `"minimum": 2, "minimum": 1`, `line 16: "minimum" is there twice`},
		{"a key twice, once escaped", `"share": {`, `"co\u0075nt": {`, `line 17: "count" is there twice`},
		{"a key twice, after texts that look like more", `"example": "",`, `"example": "\\\"}],", "example": "",`, `line 13: "example" is there twice`},
		{"more after the end", `"record": {}`, "\"record\": {}\n}\n x", "line 29: invalid character 'x' after"},
		{"a whole number with a fraction", `"text_bytes": 16`, `"text_bytes": 1.5`, `line 6: "text_bytes" is a number; it must be a whole number`},
		{"null", `"maximum": 9`, `"maximum": null`, `line 16: "maximum" is null; it must be a number`},
		{"a list with another JSON type", `["a", "b"], "example": "a"`, `["a", 3], "example": "a"`, `line 14: an item of "values" is a whole number; it must be a text`},
		{"a number that no double is", `"maximum": 9`, `"maximum": 1e999`, "line 16: number 1e999 is out of range"},
		{"a list", small, `[1]`, "line 1: the schema is a list; it must be an object"},
		{"pattern without example", `"example": "", "description": "d"}`, `"description": "d"}`, "line 13: text: a text with a pattern needs an example"},
		{"another source of an attribute", `"type": "string", "spans": ["run"], "pattern"`, `"type": "string", "source": "sdk.name", "spans": ["run"], "pattern"`, "line 13: text: an attribute's only source is aborted"},
		{"nested too deeply", `"example": 1,`, `"example": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]],`, "line 16: it is nested too deeply"},
		{"unknown section", `"record": {}`, `"records": {}`, `line 27: unknown member "records"`},
		{"wrong JSON type", `"minimum": 1`, `"minimum": "1"`, `line 16: "minimum" is a text; it must be a number`},
		{"bad service", `"service": "demo"`, `"service": "Demo!"`, "line 3: service is no name"},
		{"http destination", "https://collector", "http://collector", "line 4: destination"},
		{"destination with a user", "https://collector", "https://me@collector", "line 4: destination"},
		{"pin of another kind", `"scope"`, `"pins": ["md5/AA=="], "scope"`, "line 5: a pin is"},
		{"pin that is too short", `"scope"`, `"pins": ["sha256/AA=="], "scope"`, "line 5: a pin is"},
		{"no limit", `"text_bytes": 16`, `"text_bytes": 0`, "line 6: text_bytes"},
		{"unknown type", `"type": "bool"`, `"type": "boolean"`, `line 19: flag: no type is named "boolean"; perhaps "bool"`},
		{"unknown span", `["run", "other run"]`, `["run", "runs"]`, `line 16: count: no span is named "runs"; perhaps "run"`},
		{"no spans", `"free": {"type": "double", "spans": ["run"]`, `"free": {"type": "double"`, "line 18: free: spans is empty"},
		{"free text", `"pattern": ".*", `, ``, "line 13: text: a text needs"},
		{"bad pattern", `"pattern": ".*"`, `"pattern": "("`, "line 13: text: the pattern is not RE2"},
		{"pattern that ends its group", `"pattern": ".*"`, `"pattern": "[0-9]+)|(?:x"`, "line 13: text: the pattern is not RE2"},
		{"quotation that ends its group", `"pattern": ".*"`, `"pattern": "\\Qx"`, "line 13: text: the pattern is not RE2"},
		{"empty range", `"maximum": 9`, `"maximum": 0`, "line 16: count: minimum is above maximum"},
		{"unknown source", `"source": "service.name"`, `"source": "host.name"`, `there is no source "host.name"; there are aborted, distro.name, `},
		{"unknown event", `"exception": {`, `"log": {`, "the only event is exception"},
		{"event attribute of the host's", `"constant": "", `, `"values": [""], `, "has neither source nor constant"},
		{"attribute with a source", `"spans": ["run"], "example": 1`, `"spans": ["run"], "constant": "x", "example": 1`, "what runspan sets is a string"},
		{"no description", `"example": true, "description": "d"`, `"example": true`, "line 19: flag: has no description"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(small, test.old, test.new, 1)
			if text == small {
				t.Fatal("the case changes nothing")
			}
			_, err := schema.Parse([]byte(text))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// An author with several mistakes reads of all of them at once, by line, and of none
// that only follows from another.
func TestAllFaultsAreTold(t *testing.T) {
	_, err := schema.Parse([]byte(`{
  "schema_version": 2,
  "service": "My Tool",
  "destnation": "https://collector.example/",
  "limits": {"text_bytes": 0, "list_item": 3},
  "spans": {"sort": "It sorted."}, "linger_ms": 3001,
  "attributes": {
    "params.k": {"type": "integer", "spans": ["sort"], "min": 1, "description": "d"},
    "params.min": {"type": "int", "spans": ["sort"], "minimum": "1", "maximum": 0},
    "params.mode": {"type": "string", "spans": ["srot"]}
  }
}`))
	want := schema.Faults{
		{1, "destination is missing"},
		{2, "schema_version is not 1"},
		{3, "service is no name of a service: at most 63 lower-case letters, digits, - and _, a letter first"},
		{4, `unknown member "destnation"; perhaps "destination"`},
		{5, "text_bytes is not between 1 and 4096"},
		{5, `unknown member "list_item"; perhaps "list_items"`},
		{6, "linger_ms is not between 0 and 3000"},
		{8, `params.k: no type is named "integer"; perhaps "int"`},
		{8, `unknown member "min"; perhaps "minimum"`},
		{9, `"minimum" is a text; it must be a number`},
		{9, "params.min: has no description"},
		{10, "params.mode: a text needs values, a pattern or a constant"},
		{10, "params.mode: has no description"},
		{10, `params.mode: no span is named "srot"; perhaps "sort"`},
	}
	var got schema.Faults
	if !errors.As(err, &got) || !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", err, want)
	}
}

// Three members are a schema, and the others have these values.
func TestMembersThatMayBeMissing(t *testing.T) {
	short := parse(t, `{"service": "demo", "destination": "https://collector.example/v1/traces",
		"spans": {"run": "It was run."}}`)
	long := parse(t, `{"schema_version": 1, "service": "demo", "destination": "https://collector.example/v1/traces",
		"scope": "demo", "limits": {"text_bytes": 128, "list_items": 64},
		"spool": {"files": 2000, "bytes": 134217728, "age_days": 30}, "spans": {"run": "It was run."},
		"resource": {"service.name": {"type": "string", "source": "service.name", "values": ["demo"], "example": "demo", "description": "The program that was run."}},
		"attributes": {}, "events": {}, "record": {"name": {"example": "call", "description": "d", "derived_from": "d"}}}`)
	if !reflect.DeepEqual(short, long) {
		t.Errorf("got %+v, want %+v", short, long)
	}
	if _, ok := short.ResourceField("service.name"); !ok {
		t.Error("no service.name")
	}
	one := parse(t, strings.Replace(small, `"limits": {"text_bytes": 16, "list_items": 2}`, `"limits": {"list_items": 2}`, 1))
	if one.TextBytes != 128 || one.ListItems != 2 {
		t.Errorf("got limits of %d and %d", one.TextBytes, one.ListItems)
	}
}

// A schema that says nothing of it has no process started by a core in the host.
func TestLinger(t *testing.T) {
	for member, want := range map[string]schema.Schema{
		``:                   {Linger: 3 * time.Second},
		`"linger_ms": 0,`:    {},
		`"linger_ms": 1,`:    {Linger: time.Millisecond, HandsOver: true},
		`"linger_ms": 3000,`: {Linger: 3 * time.Second, HandsOver: true},
	} {
		s := parse(t, strings.Replace(small, `"limits"`, member+`"limits"`, 1))
		if s.Linger != want.Linger || s.HandsOver != want.HandsOver {
			t.Errorf("%s: %v, %v", member, s.Linger, s.HandsOver)
		}
	}
}

func TestExamplesOfFieldsWithoutOne(t *testing.T) {
	text := regexp.MustCompile(`"example": [^,]*, `).ReplaceAllStringFunc(small, func(example string) string {
		if example == `"example": "", ` || example == `"example": "1", ` { // a pattern's, or a constant's
			return example
		}
		return ""
	})
	text = strings.NewReplacer(`"minimum": 0, "maximum": 1,`, `"minimum": 0, "maximum": 0.5,`, `"minimum": 1, "maximum": 9`, `"minimum": 3, "maximum": 9`).Replace(text)
	resource, attributes := parse(t, text).Examples("run")
	got := make(map[string]any)
	for _, e := range slices.Concat(resource, attributes) {
		got[e.Key] = e.Value
	}
	want := map[string]any{
		"service.name": "demo", "service.version": "1", "text": "", "choice": "a", "fallback": "a", "count": int64(3),
		"share": 0.5, "free": 1.0, "flag": true, "plain": int64(1), "list": []string{"a"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNames(t *testing.T) {
	s := parse(t, small)
	for _, test := range []struct {
		span, key string
		want      error
	}{
		{"run", "text", nil},
		{"other run", "count", nil},
		{"other run", "text", schema.ErrName},
		{"run", "user", schema.ErrName},
		{"run", "", schema.ErrName},
		{"nowhere", "text", schema.ErrName},
		{"run", "service.version", schema.ErrName},
	} {
		if _, err := s.HostAttribute(test.span, test.key); err != test.want {
			t.Errorf("%q on %q: got %v, want %v", test.key, test.span, err, test.want)
		}
	}
	for name, want := range map[string]error{"run": nil, "Run": schema.ErrName, "": schema.ErrName, "run\n": schema.ErrName} {
		if _, err := s.SpanName(name); err != want {
			t.Errorf("span %q: got %v, want %v", name, err, want)
		}
	}
	for key, want := range map[string]error{"service.version": nil, "service.name": schema.ErrName, "host.name": schema.ErrName} {
		if _, err := s.HostResource(key); err != want {
			t.Errorf("resource %q: got %v, want %v", key, err, want)
		}
	}
}

func TestStrings(t *testing.T) {
	s := parse(t, small)
	for _, test := range []struct {
		key, value, want string
		err              error
	}{
		{"text", "αβγ", "αβγ", nil},
		{"text", "", "", nil},
		{"text", "0123456789abcdef", "0123456789abcdef", nil},
		{"text", "0123456789abcdefg", "", schema.ErrTooLong},
		{"text", "a\xffb", "a\uFFFDb", nil},
		{"text", strings.Repeat("\xff.", 8), "", schema.ErrTooLong}, // each becomes three bytes
		{"text", "a\nb", "", schema.ErrValue},
		{"choice", "b", "b", nil},
		{"choice", "c", "", schema.ErrValue},
		{"fallback", "a", "a", nil},
		{"fallback", "/home/alice/secret.txt", "other", nil},
		{"count", "7", "7", nil},
		{"count", "10", "", schema.ErrValue},
		{"count", "7.0", "", schema.ErrValue},
		{"count", "seven", "", schema.ErrValue},
		{"share", "0.25", "0.25", nil},
		{"share", "nan", "", schema.ErrValue},
		{"share", "0x1p-2", "", schema.ErrValue},
		{"flag", "True", "True", nil},
		{"flag", "true", "", schema.ErrValue},
		{"plain", "7", "", schema.ErrType},
		{"list", "a", "", schema.ErrType},
	} {
		f, err := s.HostAttribute("run", test.key)
		if err != nil {
			t.Fatal(err)
		}
		got, err := f.TextFor(test.value)
		if err != test.err || err == nil && got != test.want {
			t.Errorf("%s = %q: got %q, %v; want %q, %v", test.key, test.value, got, err, test.want, test.err)
		}
	}
}

func TestNumbersAndLists(t *testing.T) {
	s := parse(t, small)
	field := func(key string) *schema.Field {
		f, err := s.HostAttribute("run", key)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	list := func(f *schema.Field, texts ...string) error { _, err := f.TextsFor(texts); return err }
	for name, test := range map[string]struct{ got, want error }{
		"int in range":      {field("count").CheckInt(9), nil},
		"int too small":     {field("count").CheckInt(0), schema.ErrValue},
		"int too large":     {field("count").CheckInt(math.MaxInt64), schema.ErrValue},
		"unbounded int":     {field("plain").CheckInt(math.MinInt64), nil},
		"int for double":    {field("share").CheckInt(1), nil},
		"int for double 2":  {field("share").CheckInt(2), schema.ErrValue},
		"int for bool":      {field("flag").CheckInt(1), schema.ErrType},
		"double":            {field("share").CheckDouble(0.5), nil},
		"double NaN":        {field("share").CheckDouble(math.NaN()), schema.ErrValue},
		"unbounded NaN":     {field("free").CheckDouble(math.NaN()), nil},
		"unbounded Inf":     {field("free").CheckDouble(math.Inf(-1)), nil},
		"double for int":    {field("count").CheckDouble(1), schema.ErrType},
		"bool":              {field("flag").CheckBool(), nil},
		"bool for int":      {field("count").CheckBool(), schema.ErrType},
		"list":              {list(field("list"), "a", "b"), nil},
		"empty list":        {list(field("list")), nil},
		"long list":         {list(field("list"), "a", "a", "a"), schema.ErrTooLong},
		"list with another": {list(field("list"), "a", "c"), schema.ErrValue},
		"list for text":     {list(field("text"), "a"), schema.ErrType},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v, want %v", name, test.got, test.want)
		}
	}
}

func TestFixedFieldsAndExceptions(t *testing.T) {
	s := parse(t, small)
	fixed, err := s.FixedResource(map[string]string{"service.name": "demo", "sdk.name": "unused"})
	if err != nil || len(fixed) != 1 || fixed["service.name"] != "demo" {
		t.Errorf("got %v, %v", fixed, err)
	}
	if _, err := s.FixedResource(map[string]string{"service.name": "else"}); !errors.Is(err, schema.ErrValue) {
		t.Errorf("a source outside the values: %v", err)
	}
	for errorType, want := range map[string]string{"E": "E", "MySecretError": "other", "": "other"} {
		got, err := s.ExceptionAttributes(errorType)
		if err != nil || len(got) != 2 || got[0] != [2]string{"exception.type", want} || got[1] != [2]string{"exception.message", ""} {
			t.Errorf("%q: got %v, %v", errorType, got, err)
		}
	}
	without := strings.Replace(small, small[strings.Index(small, `"events"`):strings.Index(small, `"record"`)], `"events": {}, `, 1)
	if _, err := parse(t, without).ExceptionAttributes("E"); err != schema.ErrName {
		t.Errorf("no exception event: %v", err)
	}
}

// Whatever is put in, what comes out is short, valid UTF-8 and allowed.
func FuzzString(f *testing.F) {
	s := parse(f, small)
	for _, seed := range []string{"", "a", "\xff", "7", "True", "0x1p-2", "1_0", "nan", strings.Repeat("é", 9)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, key := range []string{"text", "choice", "fallback", "count", "share", "flag"} {
			field, err := s.HostAttribute("run", key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := field.TextFor(value)
			if err != nil {
				continue
			}
			if len(got) > 16 || !utf8.ValidString(got) {
				t.Errorf("%s = %q: got %q", key, value, got)
			}
			if key == "choice" && got != "a" && got != "b" || key == "fallback" && got != "a" && got != "other" {
				t.Errorf("%s = %q: got %q", key, value, got)
			}
		}
	})
}

// A schema is a file that somebody else may have written.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"spans": {"a": 1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := schema.Parse(text)
		if err == nil && s.Service == "" || err != nil && !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("got %v, %v", s, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schema.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}
