// SPDX-License-Identifier: MIT

package command

import (
	"encoding/json"
	"strings"
	"testing"

	"runspan/internal/schema"
)

const valid = `{
  "service": "mytool",
  "destination": "https://telemetry.example/v1/traces",
  "limits": {"text_bytes": 32},
  "spans": {"sort": "mytool sort was run.", "view": "mytool view was run.\u001b[2J"},
  "attributes": {
    "aborted": {"type": "bool", "source": "aborted", "spans": ["sort", "view"], "description": "d"},
    "params.mode": {"type": "string", "values": ["fast", "exact"], "otherwise": "other", "spans": ["sort"], "description": "d"},
    "params.share": {"type": ["double", "int"], "maximum": 0.5, "as_text": true, "spans": ["sort"], "description": "d"},
    "params.threads": {"type": "int", "minimum": 1, "maximum": 64, "spans": ["sort"], "description": "The threads."}
  },
  "events": {"exception": {
    "exception.type": {"type": "string", "source": "error.type", "pattern": "[A-Za-z]+", "example": "E", "description": "d"},
    "exception.message": {"type": "string", "constant": "", "description": "d"}
  }}
}`

const shown = `mytool: the schema is valid
  sent to       https://telemetry.example/v1/traces
  scope         mytool
  longest text  32 bytes
  longest list  64 texts
  on the disk   at most 2000 files, 134217728 bytes, for 30 days
resource, of every span
  service.name  string, runspan sets it to service.name, one of mytool
span "sort": mytool sort was run.
  aborted         bool, true in the report of a run that was killed; runspan sets it
  params.mode     string, one of exact, fast, any other text is reported as "other"
  params.share    double or int, 0.5 or less, or such a value as text
  params.threads  int, from 1 to 64
span "view": mytool view was run.�[2J
  aborted  bool, true in the report of a run that was killed; runspan sets it
event exception
  exception.type     string, runspan sets it to error.type, at most 32 bytes that match [A-Za-z]+
  exception.message  string, always ""
derived fields, of every span
  duration_ms, library.name, meta.signal_type, name, Sample Rate, span.kind, span.num_events, span.num_links, status_code, timestamp, trace.span_id, trace.trace_id, type
`

// The service is another one, and nothing else is known of it.
func ask(text string, asJSON bool) (out string, code int) {
	var written strings.Builder
	code = Run(Service{Name: "other", Off: "NO_TELEMETRY is set", Version: "0.1.0"}, text, Request{Command: "check", JSON: asJSON}, &written)
	return written.String(), code
}

func TestCheckShowsThatAProcessMayDeliverAfterARun(t *testing.T) {
	with := strings.Replace(valid, `"limits"`, `"linger_ms": 1500, "limits"`, 1)
	line := "  after a run   a process beside the program may deliver for 1500 ms\n"
	const before = "for 30 days\n"
	if out, code := ask(with, false); code != Done || out != strings.Replace(shown, before, before+line, 1) {
		t.Errorf("exit code %d, got\n%s", code, out)
	}
	if out, _ := ask(with, true); !strings.Contains(out, `"linger_ms":1500`) {
		t.Error(out)
	}
}

func TestCheckShowsWhatAValidSchemaSends(t *testing.T) {
	out, code := ask(valid, false)
	if code != Done || out != shown {
		t.Errorf("exit code %d, got\n%s\nwant\n%s", code, out, shown)
	}
	out, code = ask(valid, true)
	var answer contents
	if err := json.Unmarshal([]byte(out), &answer); err != nil || code != Done || !answer.Valid {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	want := field{"params.threads", "int, from 1 to 64", "The threads."}
	if got := answer.Spans[0].Attributes[3]; got != want || answer.Spans[0].Name != "sort" || answer.SpoolDays != 30 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCheckWritesAllFaults(t *testing.T) {
	bad := strings.NewReplacer(`"limits"`, `"limit"`, `"int", "minimum"`, `"integer", "min"`, `["sort", "view"]`, `["sort", "veiw"]`).Replace(valid)
	want := schema.Faults{
		{Line: 4, Reason: `unknown member "limit"; perhaps "limits"`},
		{Line: 7, Reason: `aborted: no span is named "veiw"; perhaps "view"`},
		{Line: 10, Reason: `params.threads: no type is named "integer"; perhaps "int"`},
		{Line: 10, Reason: `unknown member "min"; perhaps "minimum"`},
	}
	if out, code := ask(bad, false); code != Failed || out != want.Error()+"\n" {
		t.Errorf("exit code %d, got\n%s\nwant\n%v", code, out, want)
	}
	out, code := ask(bad, true)
	encoded, err := json.Marshal(contents{Faults: want})
	if err != nil || code != Failed || out != string(encoded)+"\n" {
		t.Errorf("exit code %d, %v, got %s, want %s", code, err, out, encoded)
	}
}

// A field that runspan sets has to allow the text of its source.
func TestCheckTriesTheSources(t *testing.T) {
	with := func(source string) string {
		return `{"service": "mytool", "destination": "https://telemetry.example/v1/traces", "spans": {"sort": "d"},
			"resource": {
				"tool": {"type": "string", "source": "` + source + `", "values": ["mytool"], "description": "d"}}}`
	}
	if out, code := ask(with("service.name"), false); code != Done {
		t.Errorf("exit code %d: %s", code, out)
	}
	const want = "line 3: tool, as runspan sets it: the schema does not allow the value\n"
	if out, code := ask(with("distro.name"), false); code != Failed || out != want {
		t.Errorf("exit code %d, got %swant %s", code, out, want)
	}
}

func TestCheckOfWhatIsNoSchema(t *testing.T) {
	for _, text := range []string{"", "{", "[]", "{}", "\xff"} {
		if out, code := ask(text, false); code != Failed || !strings.HasPrefix(out, "line 1: ") {
			t.Errorf("%q: exit code %d, %s", text, code, out)
		}
	}
	room := full(0)
	if code := Run(Service{Name: "other"}, valid, Request{Command: "check"}, &room); code != Failed {
		t.Errorf("what can't be written: exit code %d", code)
	}
}
