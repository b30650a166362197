// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"runspan/internal/border"
	"runspan/internal/schema"
)

// errNothing says that a request has spans, and that none of them may pass. The client
// must not send it again: for this code the receiver responds with 400.
var errNothing = consumererror.NewPermanent(
	status.Error(codes.InvalidArgument, "no schema here names any span of the request"))

// flags are the flags that runspan sends: "sampled" and "it is known whether the parent
// is remote".
const flags = 0x101

// kind is the kind of a dropped part of a request. The metric counts by it.
type kind int

const (
	ofService kind = iota
	ofScope
	ofSpan
	ofAttribute
	ofEvent
	ofLink
	ofOther // trace state, parent, status message, schema URLs, flags, counts
	kinds
)

var names = [kinds]string{"service", "scope", "span", "attribute", "event", "link", "other"}

// list is the allow-list: the schema of each service.
type list struct {
	schemas map[string]*schema.Schema
}

// pass returns the parts of a request that the schemas allow, and the number of dropped
// parts of each kind.
func (l *list) pass(in ptrace.Traces) (ptrace.Traces, [kinds]int64) {
	var c copier
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
	dropped [kinds]int64
}

// drop counts a part as dropped if it is not empty.
func (c *copier) drop(k kind, there bool) {
	if there {
		c.dropped[k]++
	}
}

func (c *copier) resource(from, to ptrace.ResourceSpans) {
	c.drop(ofOther, from.SchemaUrl() != "")
	c.drop(ofOther, from.Resource().DroppedAttributesCount() != 0)
	c.attributes(from.Resource().Attributes(), to.Resource().Attributes(), c.schema.ResourceField)
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
	name, err := c.schema.SpanName(from.Name())
	if err != nil || from.Kind() != ptrace.SpanKindInternal || from.TraceID().IsEmpty() || from.SpanID().IsEmpty() {
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
		return c.schema.AttributeField(name, key)
	})
	for _, e := range from.Events().All() {
		if e.Name() != schema.ExceptionEvent || to.Events().Len() == border.MaxEvents {
			c.dropped[ofEvent]++
			continue
		}
		exception := to.Events().AppendEmpty()
		exception.SetName(schema.ExceptionEvent)
		exception.SetTimestamp(e.Timestamp())
		c.attributes(e.Attributes(), exception.Attributes(), c.schema.ExceptionField)
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

// allowed reports whether the field may have the value. An empty value is allowed: it is
// a parameter without a value.
func allowed(field *schema.Field, value pcommon.Value) bool {
	switch value.Type() {
	case pcommon.ValueTypeEmpty:
		return true
	case pcommon.ValueTypeStr:
		return field.AllowsText(value.Str())
	case pcommon.ValueTypeInt:
		return field.CheckInt(value.Int()) == nil
	case pcommon.ValueTypeDouble:
		return field.CheckDouble(value.Double()) == nil
	case pcommon.ValueTypeBool:
		return field.CheckBool() == nil
	case pcommon.ValueTypeSlice:
		texts := make([]string, 0, min(value.Slice().Len(), 64))
		for _, v := range value.Slice().All() {
			if v.Type() != pcommon.ValueTypeStr {
				return false
			}
			texts = append(texts, v.Str())
		}
		return field.AllowsTexts(texts)
	default: // bytes and maps
		return false
	}
}
