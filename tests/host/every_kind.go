// SPDX-License-Identifier: MIT

package host

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"runspan/tests/receiver"
)

// EveryKind says of each span of tests/data/every-kind.json what its host has said of it.
func EveryKind(spans []receiver.Span) []string {
	var all []string
	seen := make(map[string]bool)
	for _, s := range spans {
		if seen[string(s.SpanId)] {
			continue // delivery is at least once
		}
		seen[string(s.SpanId)] = true
		var values []string
		aborted := false
		for _, a := range s.Attributes {
			if a.Key == "aborted" {
				aborted = a.Value.GetBoolValue()
			}
			if slices.Contains([]string{"choice", "flag", "real", "text", "whole", "words"}, a.Key) {
				values = append(values, a.Key+"="+show(a.Value))
			}
		}
		status := strings.TrimPrefix(s.Status.GetCode().String(), "STATUS_CODE_")
		if aborted {
			all = append(all, s.Name+" "+status+" aborted") // how much of it was on the disk is chance
			continue
		}
		slices.Sort(values)
		for _, e := range s.Events {
			for _, a := range e.Attributes {
				if a.Key == "exception.type" {
					values = append(values, "exception="+a.Value.GetStringValue())
				}
			}
		}
		for _, a := range s.Resource.GetAttributes() {
			if a.Key == "service.version" {
				values = append(values, a.Key+"="+show(a.Value))
			}
		}
		all = append(all, strings.Join(append([]string{s.Name, status}, values...), " "))
	}
	return all
}

// HaveArrived compares the spans with what EveryKind is to say of them, in any order.
func HaveArrived(t testing.TB, spans []receiver.Span, want []string) {
	t.Helper()
	got, want := EveryKind(spans), slices.Sorted(slices.Values(want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("what arrives is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func show(value *commonpb.AnyValue) string {
	switch v := value.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return fmt.Sprintf("%q", v.StringValue)
	case *commonpb.AnyValue_IntValue:
		return fmt.Sprint(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return fmt.Sprint(v.DoubleValue)
	case *commonpb.AnyValue_BoolValue:
		return fmt.Sprint(v.BoolValue)
	case *commonpb.AnyValue_ArrayValue:
		var items []string
		for _, item := range v.ArrayValue.Values {
			items = append(items, show(item))
		}
		return "[" + strings.Join(items, " ") + "]"
	}
	return "null"
}
