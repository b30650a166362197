// SPDX-License-Identifier: MIT

package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// The files have all that a real host sends, and nothing else: the same as a receiver that
// changes nothing.
func TestHost(t *testing.T) {
	program := host.Compile(t, append([]string{"hosts/report.c"}, host.Link(t)...)...)
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	must(t, err)
	defer r.Close()
	c := newCollector(t)
	c.start(t)
	runHost(t, program, c.url(), c.caFile())
	runHost(t, program, r.Endpoint(), r.CAFile())

	want := make(map[string]int)
	for _, request := range r.Requests() {
		line, err := receiver.OTLPJSON(request.Body)
		must(t, err)
		shapes(t, string(line), want)
	}
	ids, all := c.files(t)
	got := make(map[string]int)
	for line := range strings.Lines(all) {
		shapes(t, line, got)
	}
	if len(ids) != 1000 || len(got) != 2 || !maps.Equal(got, want) {
		t.Errorf("%d spans of 1000\ngot  %.2000s\nwant %.2000s", len(ids), fmt.Sprint(got), fmt.Sprint(want))
	}
}

// ownTime is an event's.
var ownTime = regexp.MustCompile(`"timeUnixNano":"[1-9]\d+"`)

// shapes counts the spans of a request by all that is in them but ids and times.
func shapes(t *testing.T, line string, counts map[string]int) {
	t.Helper()
	var request struct {
		ResourceSpans []struct {
			Resource   any
			ScopeSpans []struct {
				Scope any
				Spans []map[string]any
			}
		}
	}
	must(t, json.Unmarshal([]byte(line), &request))
	for _, rs := range request.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				for _, own := range []string{"traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano"} {
					if s[own] == "" || s[own] == nil {
						t.Errorf("a span without %s", own)
					}
					delete(s, own)
				}
				shape, err := json.Marshal([]any{rs.Resource, ss.Scope, s})
				must(t, err)
				counts[ownTime.ReplaceAllString(string(shape), "")]++
			}
		}
	}
}
