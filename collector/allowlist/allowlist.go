// SPDX-License-Identifier: MIT

// Package allowlist is a processor of the OpenTelemetry Collector that lets
// through only what runspan's schemas name. It trusts no client: what a host's
// own runspan has checked before sending is checked here again.
//
// The rule: what may pass is copied, piece by piece, into a new request; the
// rest is not. So no field of OTLP that this package does not know can ride
// along. From the outside in:
//
//   - A resource passes where its service.name is a service that a schema is
//     for; that schema decides all below. Else nothing of it passes.
//   - A scope passes where it has the schema's name, without version and
//     attributes.
//   - A span passes where the schema has its name, its kind is internal, its ids
//     are valid and it does not lie in the future: the store removes spans by
//     their age. Parent, trace state, links and the status's message don't pass;
//     of the flags, only those that runspan sends.
//   - An attribute passes where the schema has its key at this place, and allows
//     its type and value; the first of a key only. A span that loses an attribute
//     still counts: a client may be newer than the collector's schema.
//   - An event passes where it is an exception, at most as many as runspan sends.
//
// Of a request of which nothing is left nothing goes on, and the sender is told
// that it is invalid (HTTP status 400). One that loses a part is taken.
//
// What is dropped is counted, by what it was, in the metric
// runspan_allowlist_dropped; its names and values go nowhere.
package allowlist

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"runspan/internal/border"
	"runspan/internal/schema"
)

// errNothing says that a request had spans and none may pass: to send it again
// is of no use. The code is what the receiver answers 400 for.
var errNothing = consumererror.NewPermanent(
	status.Error(codes.InvalidArgument, "no schema here names any span of the request"))

// flags are those that runspan sends: sampled, and that it is known whether the
// parent is remote.
const flags = 0x101

// what was dropped, as the metric has it.
type what int

const (
	ofService what = iota
	ofScope
	ofSpan
	ofAttribute
	ofEvent
	ofLink
	ofOther // trace state, parent, status message, schema URLs, flags, counts
	kinds
)

var names = [kinds]string{"service", "scope", "span", "attribute", "event", "link", "other"}

// list is the allow-list: the schemas by their services.
type list struct {
	schemas map[string]*schema.Schema
	ahead   time.Duration // how far in the future a span may lie
}

// load reads the schemas: files, and folders with any.
func load(paths []string) (map[string]*schema.Schema, error) {
	schemas := make(map[string]*schema.Schema)
	for _, path := range paths {
		files := []string{path}
		if info, err := os.Stat(path); err != nil {
			return nil, err
		} else if info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(path, "*.json")); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			if strings.HasSuffix(file, ".schema.json") { // the schema of the schemas
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			s, err := schema.Parse(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if schemas[s.Service] != nil {
				return nil, fmt.Errorf("%s: there is another schema for %s", file, s.Service)
			}
			schemas[s.Service] = s
		}
	}
	if len(schemas) == 0 {
		return nil, errors.New("no schema in any of the paths")
	}
	return schemas, nil
}

// pass returns what may pass of a request, and how much was dropped.
func (l *list) pass(in ptrace.Traces, now time.Time) (ptrace.Traces, [kinds]int64) {
	c := copier{latest: pcommon.NewTimestampFromTime(now.Add(l.ahead))}
	out := ptrace.NewTraces()
	for _, from := range in.ResourceSpans().All() {
		name, ok := from.Resource().Attributes().Get("service.name")
		if ok && name.Type() == pcommon.ValueTypeStr {
			c.schema = l.schemas[name.Str()]
		} else {
			c.schema = nil
		}
		if c.schema == nil {
			c.dropped[ofService]++
			continue
		}
		to := ptrace.NewResourceSpans()
		c.resource(from, to)
		if to.ScopeSpans().Len() > 0 {
			to.MoveTo(out.ResourceSpans().AppendEmpty())
		}
	}
	return out, c.dropped
}

type copier struct {
	schema  *schema.Schema
	latest  pcommon.Timestamp
	dropped [kinds]int64
}

// drop counts what was not empty.
func (c *copier) drop(w what, there bool) {
	if there {
		c.dropped[w]++
	}
}

func (c *copier) resource(from, to ptrace.ResourceSpans) {
	c.drop(ofOther, from.SchemaUrl() != "")
	c.drop(ofOther, from.Resource().DroppedAttributesCount() != 0)
	c.attributes(from.Resource().Attributes(), to.Resource().Attributes(), c.schema.SentResource)
	for _, scopeFrom := range from.ScopeSpans().All() {
		if scopeFrom.Scope().Name() != c.schema.Scope {
			c.dropped[ofScope]++
			continue
		}
		c.drop(ofOther, scopeFrom.SchemaUrl() != "")
		c.drop(ofOther, scopeFrom.Scope().Version() != "")
		c.dropped[ofAttribute] += int64(scopeFrom.Scope().Attributes().Len())
		spans := ptrace.NewScopeSpans()
		spans.Scope().SetName(c.schema.Scope)
		for _, s := range scopeFrom.Spans().All() {
			c.span(s, spans.Spans())
		}
		if spans.Spans().Len() > 0 {
			spans.MoveTo(to.ScopeSpans().AppendEmpty())
		}
	}
}

func (c *copier) span(from ptrace.Span, into ptrace.SpanSlice) {
	name, err := c.schema.Span(from.Name())
	if err != nil || from.Kind() != ptrace.SpanKindInternal || from.TraceID().IsEmpty() || from.SpanID().IsEmpty() ||
		from.StartTimestamp() > c.latest || from.EndTimestamp() > c.latest {
		c.dropped[ofSpan]++
		return
	}
	to := into.AppendEmpty()
	to.SetTraceID(from.TraceID())
	to.SetSpanID(from.SpanID())
	to.SetFlags(from.Flags() & flags)
	to.SetName(name)
	to.SetKind(ptrace.SpanKindInternal)
	to.SetStartTimestamp(from.StartTimestamp())
	to.SetEndTimestamp(from.EndTimestamp())
	if code := from.Status().Code(); code >= ptrace.StatusCodeUnset && code <= ptrace.StatusCodeError {
		to.Status().SetCode(code)
	} else {
		c.dropped[ofOther]++
	}
	c.attributes(from.Attributes(), to.Attributes(), func(key string) (*schema.Field, bool) {
		return c.schema.SentAttribute(name, key)
	})
	for _, e := range from.Events().All() {
		if e.Name() != schema.ExceptionEvent || to.Events().Len() == border.MaxEvents || e.Timestamp() > c.latest {
			c.dropped[ofEvent]++
			continue
		}
		exception := to.Events().AppendEmpty()
		exception.SetName(schema.ExceptionEvent)
		exception.SetTimestamp(e.Timestamp())
		c.attributes(e.Attributes(), exception.Attributes(), c.schema.SentException)
		c.drop(ofOther, e.DroppedAttributesCount() != 0)
	}
	c.dropped[ofLink] += int64(from.Links().Len())
	c.drop(ofOther, from.Flags()&^flags != 0)
	c.drop(ofOther, !from.ParentSpanID().IsEmpty())
	c.drop(ofOther, from.TraceState().AsRaw() != "")
	c.drop(ofOther, from.Status().Message() != "")
	c.drop(ofOther, from.DroppedAttributesCount()|from.DroppedEventsCount()|from.DroppedLinksCount() != 0)
}

func (c *copier) attributes(from, to pcommon.Map, field func(string) (*schema.Field, bool)) {
	to.EnsureCapacity(min(from.Len(), 64))
	for key, value := range from.All() {
		f, ok := field(key)
		if !ok || !allowed(f, value) {
			c.dropped[ofAttribute]++
		} else if place, before := to.GetOrPutEmpty(key); before {
			c.dropped[ofAttribute]++
		} else {
			value.CopyTo(place)
		}
	}
}

// allowed says whether the field may have the value. One without a type is a
// parameter that has none.
func allowed(field *schema.Field, value pcommon.Value) bool {
	switch value.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeStr:
		return field.IsText(value.Str())
	case pcommon.ValueTypeInt:
		return field.Int(value.Int()) == nil
	case pcommon.ValueTypeDouble:
		return field.Double(value.Double()) == nil
	case pcommon.ValueTypeBool:
		return field.Bool() == nil
	case pcommon.ValueTypeSlice:
		texts := make([]string, 0, min(value.Slice().Len(), 64))
		for _, v := range value.Slice().All() {
			if v.Type() != pcommon.ValueTypeStr {
				return false
			}
			texts = append(texts, v.Str())
		}
		return field.IsTexts(texts)
	default: // bytes and maps
		return false
	}
}
