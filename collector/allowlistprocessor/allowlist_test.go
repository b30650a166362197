// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"runspan/internal/border"
)

const schemas = "../../schemas"

var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newList(t testing.TB) *list {
	t.Helper()
	s, err := load([]string{schemas})
	if err != nil {
		t.Fatal(err)
	}
	return &list{schemas: s}
}

// report is one with all that may be in one.
func report() ptrace.Traces {
	all := ptrace.NewTraces()
	rs := all.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "stripepy")
	rs.Resource().Attributes().PutStr("service.version", "1.3.0")
	rs.Resource().Attributes().PutStr("os.type", "other")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("stripepy")
	s := ss.Spans().AppendEmpty()
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{1})
	s.SetFlags(0x101)
	s.SetName("call")
	s.SetKind(ptrace.SpanKindInternal)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Attributes().PutInt("params.nproc", 4)
	s.Attributes().PutDouble("params.loc_pers_min", 0.33)
	s.Attributes().PutBool("params.low_memory", false)
	s.Attributes().PutStr("params.contact_map_format", "mcool")
	s.Attributes().PutEmpty("params.k")
	e := s.Events().AppendEmpty()
	e.SetName("exception")
	e.SetTimestamp(pcommon.NewTimestampFromTime(now))
	e.Attributes().PutStr("exception.type", "other")
	e.Attributes().PutStr("exception.message", "")
	view := ss.Spans().AppendEmpty()
	view.SetTraceID([16]byte{1})
	view.SetSpanID([8]byte{2})
	view.SetName("view")
	view.SetKind(ptrace.SpanKindInternal)
	view.SetStartTimestamp(1)
	view.SetEndTimestamp(2)
	columns := view.Attributes().PutEmptySlice("params.columns")
	columns.AppendEmpty().SetStr("chrom1")
	columns.AppendEmpty().SetStr("other")
	return all
}

func text(t testing.TB, r ptrace.Traces) string {
	t.Helper()
	marshaler := ptrace.JSONMarshaler{}
	out, err := marshaler.MarshalTraces(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestReportPassesUnchanged(t *testing.T) {
	out, dropped := newList(t).pass(report())
	if got, want := text(t, out), text(t, report()); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if dropped != [kinds]int64{} {
		t.Errorf("dropped %v", dropped)
	}
}

// parts of a report, to change.
type parts struct {
	all   ptrace.Traces
	rs    ptrace.ResourceSpans
	scope ptrace.ScopeSpans
	span  ptrace.Span
	event ptrace.SpanEvent
}

func partsOf(r ptrace.Traces) parts {
	rs := r.ResourceSpans().At(0)
	ss := rs.ScopeSpans().At(0)
	return parts{r, rs, ss, ss.Spans().At(0), ss.Spans().At(0).Events().At(0)}
}

// Foreign parts are dropped; every part with "alice" is foreign. The border of a client would
// allow the rest.
func TestForeignParts(t *testing.T) {
	for name, test := range map[string]struct {
		change func(parts)
		kind   kind
		spans  int // that are left of two
	}{
		"a service":             {func(p parts) { p.rs.Resource().Attributes().PutStr("service.name", "alice") }, ofService, 0},
		"no service":            {func(p parts) { p.rs.Resource().Attributes().Clear() }, ofService, 0},
		"a service's type":      {func(p parts) { p.rs.Resource().Attributes().PutInt("service.name", 1) }, ofService, 0},
		"a resource attribute":  {func(p parts) { p.rs.Resource().Attributes().PutStr("host.name", "alice") }, ofAttribute, 2},
		"its value":             {func(p parts) { p.rs.Resource().Attributes().PutStr("os.type", "alice") }, ofAttribute, 2},
		"its pattern":           {func(p parts) { p.rs.Resource().Attributes().PutStr("service.version", "al ice/") }, ofAttribute, 2},
		"its length":            {func(p parts) { p.rs.Resource().Attributes().PutStr("service.version", strings.Repeat("1", 129)) }, ofAttribute, 2},
		"its type":              {func(p parts) { p.rs.Resource().Attributes().PutBool("service.version", true) }, ofAttribute, 2},
		"a span's in resource":  {func(p parts) { p.rs.Resource().Attributes().PutInt("params.nproc", 4) }, ofAttribute, 2},
		"schema URL":            {func(p parts) { p.rs.SetSchemaUrl("https://alice.example") }, ofOther, 2},
		"resource's count":      {func(p parts) { p.rs.Resource().SetDroppedAttributesCount(7) }, ofOther, 2},
		"a scope":               {func(p parts) { p.scope.Scope().SetName("alice") }, ofScope, 0},
		"the scope's version":   {func(p parts) { p.scope.Scope().SetVersion("alice") }, ofOther, 2},
		"the scope's attribute": {func(p parts) { p.scope.Scope().Attributes().PutStr("alice", "alice") }, ofAttribute, 2},
		"the scope's URL":       {func(p parts) { p.scope.SetSchemaUrl("https://alice.example") }, ofOther, 2},
		"a span":                {func(p parts) { p.span.SetName("alice") }, ofSpan, 1},
		"no name":               {func(p parts) { p.span.SetName("") }, ofSpan, 1},
		"kind":                  {func(p parts) { p.span.SetKind(ptrace.SpanKindServer) }, ofSpan, 1},
		"no span id":            {func(p parts) { p.span.SetSpanID([8]byte{}) }, ofSpan, 1},
		"no trace id":           {func(p parts) { p.span.SetTraceID([16]byte{}) }, ofSpan, 1},
		"parent":                {func(p parts) { p.span.SetParentSpanID([8]byte{1}) }, ofOther, 2},
		"trace state":           {func(p parts) { p.span.TraceState().FromRaw("a=alice") }, ofOther, 2},
		"flags":                 {func(p parts) { p.span.SetFlags(0xfffff) }, ofOther, 2},
		"status code":           {func(p parts) { p.span.Status().SetCode(3) }, ofOther, 2},
		"negative code":         {func(p parts) { p.span.Status().SetCode(-1) }, ofOther, 2},
		"status message":        {func(p parts) { p.span.Status().SetMessage("/home/alice") }, ofOther, 2},
		"a link":                {func(p parts) { p.span.Links().AppendEmpty().Attributes().PutStr("a", "alice") }, ofLink, 2},
		"dropped links":         {func(p parts) { p.span.SetDroppedLinksCount(9) }, ofOther, 2},
		"an attribute":          {func(p parts) { p.span.Attributes().PutStr("user", "alice") }, ofAttribute, 2},
		"one of another span":   {func(p parts) { p.span.Attributes().PutEmptySlice("params.columns") }, ofAttribute, 2},
		"out of range":          {func(p parts) { p.span.Attributes().PutInt("params.nproc", -4) }, ofAttribute, 2},
		"a text for a number":   {func(p parts) { p.span.Attributes().PutStr("params.nproc", "alice") }, ofAttribute, 2},
		"a number for a text":   {func(p parts) { p.span.Attributes().PutInt("params.contact_map_format", 4) }, ofAttribute, 2},
		"another value":         {func(p parts) { p.span.Attributes().PutStr("params.contact_map_format", "alice") }, ofAttribute, 2},
		"bytes": {func(p parts) {
			p.span.Attributes().PutEmptyBytes("params.contact_map_format").FromRaw([]byte("alice"))
		}, ofAttribute, 2},
		"a map":                 {func(p parts) { p.span.Attributes().PutEmptyMap("params.k").PutStr("alice", "alice") }, ofAttribute, 2},
		"a list":                {func(p parts) { p.span.Attributes().PutEmptySlice("params.k").AppendEmpty().SetStr("alice") }, ofAttribute, 2},
		"a list with a number":  {func(p parts) { columns(p).AppendEmpty().SetInt(1) }, ofAttribute, 2},
		"a list in a list":      {func(p parts) { columns(p).AppendEmpty().SetEmptySlice().AppendEmpty().SetStr("alice") }, ofAttribute, 2},
		"a list's text":         {func(p parts) { columns(p).AppendEmpty().SetStr("alice") }, ofAttribute, 2},
		"a long list":           {func(p parts) { long(columns(p)) }, ofAttribute, 2},
		"an event":              {func(p parts) { p.event.SetName("alice") }, ofEvent, 2},
		"an event's attribute":  {func(p parts) { p.event.Attributes().PutStr("user", "alice") }, ofAttribute, 2},
		"an exception's text":   {func(p parts) { p.event.Attributes().PutStr("exception.message", "/home/alice") }, ofAttribute, 2},
		"an exception's type":   {func(p parts) { p.event.Attributes().PutStr("exception.type", "alice.Error") }, ofAttribute, 2},
		"an event's count":      {func(p parts) { p.event.SetDroppedAttributesCount(5) }, ofOther, 2},
		"many events":           {func(p parts) { events(p.span) }, ofEvent, 2},
		"a key twice":           {func(p parts) { twice(p.span.Attributes()) }, ofAttribute, 2},
		"nothing but a service": {func(p parts) { p.rs.ScopeSpans().RemoveIf(func(ptrace.ScopeSpans) bool { return true }); add(p.all) }, ofService, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newList(t)
			in := report()
			test.change(partsOf(in))
			out, dropped := l.pass(in)
			if out.SpanCount() != test.spans {
				t.Errorf("%d spans, want %d", out.SpanCount(), test.spans)
			}
			if dropped[test.kind] == 0 {
				t.Errorf("dropped %v, but no %s", dropped, names[test.kind])
			}
			checkClean(t, l, out)
			if left := text(t, out); strings.Contains(left, "alice") {
				t.Errorf("left: %s", left)
			}
			if test.spans == 0 && out.ResourceSpans().Len() != 0 {
				t.Error("an empty resource is left")
			}
		})
	}
}

// The clock of the collector or of the client may be wrong, so a report passes whatever its
// times are, and they pass as they are.
func TestTimes(t *testing.T) {
	for name, at := range map[string]pcommon.Timestamp{
		"the epoch":        0,
		"a year ago":       pcommon.NewTimestampFromTime(now.AddDate(-1, 0, 0)),
		"in two days":      pcommon.NewTimestampFromTime(now.AddDate(0, 0, 2)),
		"in a year":        pcommon.NewTimestampFromTime(now.AddDate(1, 0, 0)),
		"no time there is": 1<<64 - 1,
	} {
		in := report()
		p := partsOf(in)
		p.span.SetStartTimestamp(at)
		p.span.SetEndTimestamp(at)
		p.event.SetTimestamp(at)
		out, dropped := newList(t).pass(in)
		if got, want := text(t, out), text(t, in); got != want || dropped != [kinds]int64{} {
			t.Errorf("%s: dropped %v; got %s\nwant %s", name, dropped, got, want)
		}
	}
}

func columns(p parts) pcommon.Slice {
	v, _ := p.scope.Spans().At(1).Attributes().Get("params.columns")
	return v.Slice()
}

func long(s pcommon.Slice) {
	for range 100 {
		s.AppendEmpty().SetStr("chrom1")
	}
}

func events(s ptrace.Span) {
	for range border.MaxEvents {
		s.Events().At(0).CopyTo(s.Events().AppendEmpty())
	}
}

// twice gives a map a key twice, as a decoded request may have it.
func twice(m pcommon.Map) {
	other := pcommon.NewMap()
	m.CopyTo(other)
	marshaled := ptrace.NewTraces()
	s := marshaled.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.Attributes().PutInt("params.nproc", 8)
	s.Attributes().PutInt("params.nprod", 9)
	marshaler, unmarshaler := ptrace.ProtoMarshaler{}, ptrace.ProtoUnmarshaler{}
	encoded, _ := marshaler.MarshalTraces(marshaled)
	again, _ := unmarshaler.UnmarshalTraces([]byte(strings.ReplaceAll(string(encoded), "nprod", "nproc")))
	again.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().MoveTo(m)
}

// add adds a span of somebody else's.
func add(all ptrace.Traces) {
	rs := all.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "alice")
	rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty().SetName("call")
}

// checkClean has border, which reads the bytes that would be sent, judge too.
func checkClean(t testing.TB, l *list, out ptrace.Traces) {
	t.Helper()
	for _, rs := range out.ResourceSpans().All() {
		one := ptrace.NewTraces()
		rs.CopyTo(one.ResourceSpans().AppendEmpty())
		marshaler := ptrace.ProtoMarshaler{}
		encoded, err := marshaler.MarshalTraces(one)
		if err != nil {
			t.Fatal(err)
		}
		encoded = reencode(t, encoded)
		service, _ := rs.Resource().Attributes().Get("service.name")
		s := l.schemas[service.Str()]
		if s == nil {
			t.Fatalf("a resource of %q", service.AsString())
		}
		if err := border.Check(s, encoded); err != nil {
			t.Errorf("%v: %s", err, text(t, out))
		}
	}
}

// reencode writes a request as protobuf has it in its normal form: the
// collector writes some fields that are empty.
func reencode(t testing.TB, encoded []byte) []byte {
	t.Helper()
	var request coltracepb.ExportTraceServiceRequest
	err := proto.Unmarshal(encoded, &request)
	if err == nil {
		encoded, err = proto.Marshal(&request)
	}
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// Somebody else's spans beside a report: the report passes, the others don't.
func TestForeignSpansBesideAReport(t *testing.T) {
	in := report()
	add(in)
	out, dropped := newList(t).pass(in)
	if text(t, out) != text(t, report()) || dropped[ofService] != 1 {
		t.Errorf("left %s, dropped %v", text(t, out), dropped)
	}
}

func TestProcessor(t *testing.T) {
	telemetry := componenttest.NewTelemetry()
	settings := processortest.NewNopSettings(NewFactory().Type())
	settings.TelemetrySettings = telemetry.NewTelemetrySettings()
	sink := new(consumertest.TracesSink)
	config := NewFactory().CreateDefaultConfig().(*Config)
	config.Schemas = []string{schemas}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	p, err := NewFactory().CreateTraces(context.Background(), settings, config, sink)
	if err != nil {
		t.Fatal(err)
	}
	good, foreign, empty := report(), ptrace.NewTraces(), ptrace.NewTraces()
	add(foreign)
	if err := p.ConsumeTraces(context.Background(), good); err != nil {
		t.Error(err)
	}
	if err := p.ConsumeTraces(context.Background(), foreign); !consumererror.IsPermanent(err) || strings.Contains(err.Error(), "alice") {
		t.Errorf("of foreign spans: %v", err)
	}
	if err := p.ConsumeTraces(context.Background(), empty); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if len(sink.AllTraces()) != 1 || sink.SpanCount() != 2 {
		t.Errorf("%d requests with %d spans went on", len(sink.AllTraces()), sink.SpanCount())
	}
	counter, err := telemetry.GetMetric("runspan_allowlist_dropped")
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]int64)
	for _, point := range counter.Data.(metricdata.Sum[int64]).DataPoints {
		kind, _ := point.Attributes.Value("kind")
		counts[kind.AsString()] = point.Value
	}
	want := map[string]int64{"service": 1, "scope": 0, "span": 0, "attribute": 0, "event": 0, "link": 0, "other": 0}
	if !reflect.DeepEqual(counts, want) {
		t.Errorf("counted %v", counts)
	}
}

// A client's schema may have one field more than the collector's, or one fewer:
// the field goes, and is counted, and all else passes.
func TestOlderAndNewerSchemas(t *testing.T) {
	known, err := os.ReadFile(schemas + "/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stripepy.json")
	for _, age := range []struct{ old, new string }{
		{`"params.k": {`, `"params.before": {`},
		{`"service.version": {`, `"service.before": {`},
	} {
		edited := strings.Replace(string(known), age.old, age.new, 1)
		if err := os.WriteFile(path, []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := load([]string{path})
		if err != nil || edited == string(known) {
			t.Fatal(age, err)
		}
		key := strings.Split(age.old, `"`)[1]
		want := report()
		want.ResourceSpans().At(0).Resource().Attributes().Remove(key)
		partsOf(want).span.Attributes().Remove(key)
		out, dropped := (&list{schemas: read}).pass(report())
		if got, want := text(t, out), text(t, want); got != want {
			t.Errorf("%s: got %s\nwant %s", key, got, want)
		}
		if dropped != [kinds]int64{ofAttribute: 1} {
			t.Errorf("%s: dropped %v", key, dropped)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	stripepy, err := os.ReadFile(schemas + "/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	nameless := strings.Replace(string(stripepy), `"service.name": {`, `"service.label": {`, 1)
	other := write("b.json", strings.Replace(string(stripepy), `"service": "stripepy"`, `"service": "other"`, 1))
	for name, test := range map[string]struct {
		paths    []string
		services int
	}{
		"a file":          {[]string{schemas + "/stripepy.json"}, 1},
		"a folder":        {[]string{schemas}, 1},
		"both":            {[]string{schemas, other}, 2},
		"the same again":  {[]string{schemas, schemas + "/stripepy.json"}, 0},
		"nothing":         {[]string{t.TempDir()}, 0},
		"not there":       {[]string{dir + "/no"}, 0},
		"not a schema":    {[]string{write("c.json", "{}")}, 0},
		"no path":         {nil, 0},
		"no service.name": {[]string{write("e.json", nameless)}, 0},
		"no schema, JSON": {[]string{write("d.json", "alice")}, 0},
	} {
		s, err := load(test.paths)
		if len(s) != test.services || (err == nil) != (test.services > 0) {
			t.Errorf("%s: %d services, %v", name, len(s), err)
		}
	}
	for name, config := range map[string]Config{"no schemas": {}} {
		if config.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

// Whatever can be decoded, what passes is what border lets pass, and passes
// again unchanged.
func FuzzPass(f *testing.F) {
	marshaler := ptrace.ProtoMarshaler{}
	for _, change := range []func(parts){
		func(parts) {},
		func(p parts) { p.span.Attributes().PutEmptyMap("a").PutStr("b", "c") },
		func(p parts) { twice(p.span.Attributes()) },
		func(p parts) { p.span.Links().AppendEmpty().TraceState().FromRaw("a=b") },
		func(p parts) { long(columns(p)) },
	} {
		r := report()
		change(partsOf(r))
		encoded, err := marshaler.MarshalTraces(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	l := newList(f)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		unmarshaler := ptrace.ProtoUnmarshaler{}
		in, err := unmarshaler.UnmarshalTraces(encoded)
		if err != nil {
			return
		}
		out, _ := l.pass(in)
		checkClean(t, l, out)
		again, dropped := l.pass(out)
		if text(t, again) != text(t, out) || dropped != [kinds]int64{} {
			t.Errorf("%s became %s", text(t, out), text(t, again))
		}
	})
}
