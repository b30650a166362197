// SPDX-License-Identifier: MIT

package telemetry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"

	"runspan/internal/schema"
	"runspan/internal/telemetry"
)

const strictSchema = `{
  "service": "mytool",
  "destination": "https://telemetry.example/v1/traces",
  "limits": {"text_bytes": 100, "list_items": 2},
  "spans": {"sort": "d", "view": "d"},
  "resource": {
    "service.name": {"type": "string", "source": "service.name", "values": ["mytool"], "description": "d"},
    "service.version": {"type": "string", "pattern": "[0-9.]+", "example": "1", "description": "d"}
  },
  "attributes": {
    "params.flag": {"type": "bool", "spans": ["sort"], "description": "d"},
    "params.k": {"type": "int", "minimum": 1, "maximum": 9, "spans": ["sort"], "description": "d"},
    "params.list": {"type": "strings", "values": ["a"], "spans": ["sort"], "description": "d"},
    "params.mode": {"type": "string", "values": ["a", "b", "c"], "spans": ["sort"], "description": "d"},
    "params.name": {"type": "string", "pattern": "[a-z]+", "example": "a", "spans": ["sort", "view"], "description": "d"}
  },
  "events": {"exception": {
    "exception.type": {"type": "string", "source": "error.type", "values": ["ValueError"], "description": "d"}
  }}
}`

// refusals makes a client refuse something in each way, and returns its log.
func refusals(t *testing.T, strict bool) (lines []string, levels map[telemetry.Level]bool) {
	levels = make(map[telemetry.Level]bool)
	client := open(t, telemetry.Config{
		Service: "mytool", Schema: strictSchema, Version: "0.1.0", Preview: true, Strict: strict,
		Log: func(level telemetry.Level, line string) {
			if level != telemetry.LevelSpan {
				lines = append(lines, line)
				levels[level] = true
			}
		},
	})
	text := func(v string) telemetry.Value { return telemetry.Value{Kind: telemetry.String, Text: v} }
	refused := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("it is not refused")
		}
	}
	refused(client.SetResource("service.name", text("other")))
	refused(client.SetResource("version", text("1.2")))
	refused(client.SetResource("service.version", text("1 2")))
	_, err := client.Begin("srot")
	refused(err)
	span, err := client.Begin("sort")
	if err != nil {
		t.Fatal(err)
	}
	refused(client.SetResource("service.version", text("1.2")))
	refused(span.Set("k", telemetry.Value{Kind: telemetry.Int, Int: 3}))
	refused(span.Set("service.version", text("1.2")))
	refused(span.Set("params.k", telemetry.Value{Kind: telemetry.Double, Double: 7.5}))
	refused(span.Set("params.k", telemetry.Value{Kind: telemetry.Int, Int: 10}))
	refused(span.Set("params.flag", text("yes\x1b\n")))
	refused(span.Set("params.mode", text("d")))
	refused(span.Set("params.name", text(strings.Repeat("x", 101))))
	refused(span.Set("params.name", text("Alice")))
	refused(span.Set("params.list", telemetry.Value{Kind: telemetry.Texts, Texts: []string{"a", "b"}}))
	refused(span.Set("params.list", telemetry.Value{Kind: telemetry.Texts, Texts: []string{"a", "a", "a"}}))
	if err := span.Set("params.k", telemetry.Value{Kind: telemetry.Int, Int: 3}); err != nil {
		t.Error(err)
	}
	refused(span.SetName("vieww"))
	refused(span.SetName("view"))
	refused(span.Error("KeyError"))
	refused(client.RefuseStatus(7, errors.New("out of range")))
	if err := span.End(codes.Ok); err != nil {
		t.Error(err)
	}
	client.Close(telemetry.NoTime())
	return lines, levels
}

func TestAStrictClientSaysWhatItRefuses(t *testing.T) {
	want := []string{
		`resource attribute service.name: "other": runspan sets this field itself`,
		`resource attribute version: "1.2": the schema has no field of that name; perhaps "service.version"`,
		`resource attribute service.version: "1 2": does not match [0-9.]+`,
		`span name srot: the schema has no span of that name; perhaps "sort"`,
		`resource attribute service.version: "1.2": the first span has fixed the resource`,
		`attribute k: 3: the schema has no field of that name; perhaps "params.k"`,
		`attribute service.version: "1.2": this is an attribute of the resource`,
		`attribute params.k: 7.5 is a double; the schema has int`,
		`attribute params.k: 10: not from 1 to 9`,
		`attribute params.flag: "yes\x1b\n" is a string; the schema has bool`,
		`attribute params.mode: "d": not among values: a, b, c`,
		`attribute params.name: "` + strings.Repeat("x", 80) + `...": longer than 100 bytes`,
		`attribute params.name: "Alice": does not match [a-z]+`,
		`attribute params.list: ["a" "b"]: not among values: a`,
		`attribute params.list: ["a" "a" "a"]: more than 2 texts, or one longer than 100 bytes`,
		`span name vieww: the schema has no span of that name; perhaps "view"`,
		`span name view: it may not have params.k`,
		`exception KeyError: not among values: ValueError`,
		`status 7: there are 0 (unset), 1 (ok) and 2 (error)`,
	}
	for i := range want {
		want[i] = "refused: " + want[i]
	}
	got, levels := refusals(t, true)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(levels) != 1 || !levels[telemetry.LevelError] {
		t.Errorf("the levels are %v", levels)
	}
}

func TestNoOtherClientLogsAValue(t *testing.T) {
	if lines, _ := refusals(t, false); len(lines) > 0 {
		t.Errorf("it logs %q", lines)
	}
}

func TestAStrictClientSaysWhatIsWrongWithItsSchema(t *testing.T) {
	for strict, want := range map[bool]telemetry.Level{false: telemetry.LevelWarning, true: telemetry.LevelError} {
		var lines []string
		_, err := telemetry.Open(telemetry.Config{Service: "mytool", Schema: "{}", Strict: strict, Log: func(level telemetry.Level, line string) {
			if level == want {
				lines = append(lines, line)
			}
		}})
		var faults schema.Faults
		if !errors.Is(err, telemetry.ErrSchema) || !errors.As(err, &faults) || len(faults) != 3 || len(lines) != 3 {
			t.Errorf("strict %v: %v, and the log has %q", strict, err, lines)
		}
	}
}
