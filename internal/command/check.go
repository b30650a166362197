// SPDX-License-Identifier: MIT

package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"runspan/internal/schema"
	"runspan/internal/show"
	"runspan/internal/telemetry"
)

// contents is the answer of check: the faults of a schema, or the content of its reports.
type contents struct {
	Valid       bool          `json:"valid"`
	Faults      schema.Faults `json:"faults,omitempty"`
	Service     string        `json:"service,omitempty"`
	Destination string        `json:"destination,omitempty"`
	Scope       string        `json:"scope,omitempty"`
	TextBytes   int           `json:"text_bytes,omitempty"`
	ListItems   int           `json:"list_items,omitempty"`
	SpoolFiles  int           `json:"spool_files,omitempty"`
	SpoolBytes  int64         `json:"spool_bytes,omitempty"`
	SpoolDays   int           `json:"spool_days,omitempty"`
	LingerMS    int64         `json:"linger_ms,omitempty"`
	Resource    []field       `json:"resource,omitempty"`
	Spans       []span        `json:"spans,omitempty"`
	Exception   []field       `json:"exception,omitempty"`
	Derived     []string      `json:"derived,omitempty"`
}

type span struct {
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Attributes  []field `json:"attributes"`
}

type field struct {
	Key         string `json:"key"`
	Rule        string `json:"rule"`
	Description string `json:"description"`
}

var errFaults = errors.New("the schema is not valid")

// check writes all faults of a schema, or the content of its reports if it has none. The
// schema may be another service's.
func (s Service) check(out io.Writer, text string, asJSON bool) error {
	of, err := schema.Parse([]byte(text))
	if err == nil {
		_, err = of.FixedResource(telemetry.Sources(of.Service, s.Version))
		err = schema.Located([]byte(text), err)
	}
	answer := contents{Valid: err == nil}
	if errors.As(err, &answer.Faults) {
		err = errFaults
	}
	if answer.Valid {
		answer = contentsOf(of)
	}
	switch {
	case asJSON:
		return errors.Join(json.NewEncoder(out).Encode(answer), err)
	case answer.Valid:
		answer.write(out)
	}
	for _, fault := range answer.Faults {
		fmt.Fprintln(out, show.Printable(fault.Error()))
	}
	return err
}

func contentsOf(s *schema.Schema) contents {
	c := contents{
		Valid:       true,
		Service:     s.Service,
		Destination: s.Destination,
		Scope:       s.Scope,
		TextBytes:   s.TextBytes,
		ListItems:   s.ListItems,
		SpoolFiles:  s.SpoolFiles,
		SpoolBytes:  s.SpoolBytes,
		SpoolDays:   int(s.SpoolAge / (24 * time.Hour)),
		Resource:    fieldsOf(s.ResourceFields()),
		Exception:   fieldsOf(s.ExceptionFields()),
		Derived:     show.DerivedFields(),
	}
	if s.HandsOver {
		c.LingerMS = s.Linger.Milliseconds()
	}
	for _, name := range s.SpanNames() {
		c.Spans = append(c.Spans, span{name, s.SpanDescription(name), fieldsOf(s.AttributeFields(name))})
	}
	return c
}

func fieldsOf(all []*schema.Field) []field {
	fields := make([]field, 0, len(all))
	for _, f := range all {
		fields = append(fields, field{f.Key, f.Rule(), f.Description()})
	}
	return fields
}

func (c contents) write(out io.Writer) {
	fmt.Fprintf(out, "%s: the schema is valid\n", c.Service)
	rows := []show.Row{
		{Field: "sent to", Value: c.Destination},
		{Field: "scope", Value: c.Scope},
		{Field: "longest text", Value: fmt.Sprintf("%d bytes", c.TextBytes)},
		{Field: "longest list", Value: fmt.Sprintf("%d texts", c.ListItems)},
		{Field: "on the disk", Value: fmt.Sprintf("at most %d files, %d bytes, for %d days", c.SpoolFiles, c.SpoolBytes, c.SpoolDays)},
	}
	if c.LingerMS > 0 {
		rows = append(rows, show.Row{Field: "after a run", Value: fmt.Sprintf("a process beside the program may deliver for %d ms", c.LingerMS)})
	}
	show.Table(indented{out}, rows)
	writeFields(out, "resource, of every span", c.Resource)
	for _, s := range c.Spans {
		writeFields(out, fmt.Sprintf("span %q: %s", s.Name, s.Description), s.Attributes)
	}
	writeFields(out, "event exception", c.Exception)
	fmt.Fprintf(out, "derived fields, of every span\n  %s\n", strings.Join(c.Derived, ", "))
}

func writeFields(out io.Writer, title string, fields []field) {
	rows := make([]show.Row, 0, len(fields))
	for _, f := range fields {
		rows = append(rows, show.Row{Field: f.Key, Value: f.Rule})
	}
	if len(rows) == 0 {
		rows = append(rows, show.Row{Field: "no field"})
	}
	fmt.Fprintln(out, show.Printable(title))
	show.Table(indented{out}, rows)
}
