// SPDX-License-Identifier: MIT

package show

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// spanJSON is a span as OTLP/JSON has it, as far as derived fields follow from it.
type spanJSON struct {
	TraceID, SpanID   string
	Flags             uint32
	Name              string
	Kind              tracepb.Span_SpanKind
	StartTimeUnixNano uint64 `json:",string"`
	EndTimeUnixNano   uint64 `json:",string"`
	Events, Links     []json.RawMessage
	Status            struct{ Code tracepb.Status_StatusCode }
}

func (s spanJSON) span(t *testing.T) *tracepb.Span {
	id := func(text string) []byte {
		id, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	return &tracepb.Span{
		TraceId: id(s.TraceID), SpanId: id(s.SpanID), Flags: s.Flags, Name: s.Name, Kind: s.Kind,
		StartTimeUnixNano: s.StartTimeUnixNano, EndTimeUnixNano: s.EndTimeUnixNano,
		Events: make([]*tracepb.Span_Event, len(s.Events)), Links: make([]*tracepb.Span_Link, len(s.Links)),
		Status: &tracepb.Status{Code: s.Status.Code},
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The store and tests/stripepy/table.py have the same cases.
func TestDerivedFields(t *testing.T) {
	var fields map[string]any
	read(t, "../../schemas/derived.json", &fields)
	if got, want := slices.Sorted(slices.Values(DerivedFields())), slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("derived fields are %q, want %q", got, want)
	}
	var cases []struct {
		Case, Scope string
		Span        spanJSON
		Derived     map[string]any
	}
	read(t, "../../tests/data/derived.json", &cases)
	for _, test := range cases {
		t.Run(test.Case, func(t *testing.T) {
			want := make(map[string]string)
			for key, value := range test.Derived {
				want[key] = fmt.Sprint(value)
				switch value := value.(type) {
				case nil:
					want[key] = ""
				case float64:
					want[key] = strconv.FormatFloat(value, 'f', -1, 64)
				}
			}
			got := make(map[string]string)
			for _, row := range derived(&commonpb.InstrumentationScope{Name: test.Scope}, test.Span.span(t)) {
				got[row.Field] = row.Value
			}
			if !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
