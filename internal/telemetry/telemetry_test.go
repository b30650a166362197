// SPDX-License-Identifier: MIT

package telemetry_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"

	"runspan/internal/courier"
	"runspan/internal/spool"
	"runspan/internal/telemetry"
	"runspan/tests/receiver"
)

func listen(t *testing.T, options receiver.Options) *receiver.Receiver {
	t.Helper()
	options.Dir = t.TempDir()
	r, err := receiver.Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// config is for StripePy, whose reports wait in the folder and go to the receiver.
func config(t *testing.T, folder string, r *receiver.Receiver) telemetry.Config {
	t.Helper()
	schema, err := os.ReadFile("../../schemas/stripepy.json")
	if err != nil {
		t.Fatal(err)
	}
	return telemetry.Config{
		Service:  "stripepy",
		Schema:   string(schema),
		Version:  "0.1.0",
		Endpoint: r.Endpoint(),
		Folder:   folder,
		Network:  courier.Network{CertFile: r.CAFile()},
	}
}

func open(t *testing.T, c telemetry.Config) *telemetry.Client {
	t.Helper()
	client, err := telemetry.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func closed(c *telemetry.Client, wait time.Duration) (delivered bool) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return c.Close(ctx)
}

// report reports a run, and says whether it has been delivered.
func report(t *testing.T, c telemetry.Config, k int64) bool {
	t.Helper()
	client := open(t, c)
	span, err := client.Begin("call")
	if err != nil {
		t.Fatal(err)
	}
	if err := span.Set("params.k", telemetry.Value{Kind: telemetry.Int, Int: k}); err != nil {
		t.Error(err)
	}
	if err := span.End(codes.Ok); err != nil {
		t.Error(err)
	}
	return closed(client, 5*time.Second)
}

// ks are the values of params.k that arrived, in their order.
func ks(r *receiver.Receiver) (found []int64) {
	for _, s := range r.Spans() {
		for _, a := range s.Span.Attributes {
			if a.Key == "params.k" {
				found = append(found, a.Value.GetIntValue())
			}
		}
	}
	return found
}

func TestAReportIsDelivered(t *testing.T) {
	r := listen(t, receiver.Options{})
	folder := filepath.Join(t.TempDir(), "stripepy")
	if !report(t, config(t, folder, r), 3) {
		t.Error("it is not delivered")
	}
	if got := ks(r); len(got) != 1 || got[0] != 3 {
		t.Errorf("%v arrived", got)
	}
	if left := spool.Entries(folder); len(left) != 0 {
		t.Errorf("%v wait", left)
	}
}

func TestAReportArrivesWithTheNextRun(t *testing.T) {
	down := true
	r := listen(t, receiver.Options{Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		if down {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return down
	}})
	folder := filepath.Join(t.TempDir(), "stripepy")
	if report(t, config(t, folder, r), 1) {
		t.Error("the first is delivered")
	}
	if left := spool.Entries(folder); len(left) != 1 {
		t.Fatalf("%v wait", left)
	}
	down = false
	time.Sleep(1100 * time.Millisecond) // the shortest pause
	if !report(t, config(t, folder, r), 2) {
		t.Error("the second is not delivered")
	}
	arrived := make(map[int64]bool)
	for _, k := range ks(r) {
		arrived[k] = true
	}
	if !arrived[1] || !arrived[2] {
		t.Errorf("%v arrived", arrived)
	}
}

func TestDeliveryWithoutAFolder(t *testing.T) {
	r := listen(t, receiver.Options{})
	if !report(t, config(t, "", r), 7) || len(ks(r)) != 1 {
		t.Error("it is not delivered")
	}
}

func TestAPreviewSendsNothing(t *testing.T) {
	r := listen(t, receiver.Options{})
	for _, table := range []bool{false, true} {
		var lines telemetry.Lines
		c := config(t, filepath.Join(t.TempDir(), "stripepy"), r)
		c.Preview, c.Table, c.Log = true, table, lines.Add
		client := open(t, c)
		span, err := client.Begin("call")
		if err != nil {
			t.Fatal(err)
		}
		if err := span.End(codes.Ok); err != nil {
			t.Error(err)
		}
		shown := lines.Take() // before the host goes on
		if len(shown) != 1 || shown[0].Level != telemetry.LevelSpan || strings.HasPrefix(shown[0].Text, "{") == table {
			t.Errorf("it shows %v", shown)
		}
		closed(client, time.Second)
		if left := spool.Entries(c.Folder); len(left) != 0 || len(r.Requests()) != 0 {
			t.Errorf("%v wait, %d requests came", left, len(r.Requests()))
		}
	}
}

func TestRefusedConfigs(t *testing.T) {
	r := listen(t, receiver.Options{})
	for _, test := range []struct {
		name   string
		change func(*telemetry.Config)
		want   string // of the log line
	}{
		{"no schema", func(c *telemetry.Config) { c.Schema = "{" }, "schema: line 1: "},
		{"another service's", func(c *telemetry.Config) { c.Service = "other" }, "schema: the schema is another service's"},
		{"http to a stranger", func(c *telemetry.Config) { c.Endpoint = "http://collector.example/" }, "the endpoint is neither"},
	} {
		var lines telemetry.Lines
		c := config(t, "", r)
		c.Log = lines.Add
		test.change(&c)
		client, err := telemetry.Open(c)
		logged := lines.Take()
		if err == nil || client != nil || len(logged) != 1 || !strings.HasPrefix(logged[0].Text, test.want) {
			t.Errorf("%s: %v, %v", test.name, err, logged)
		}
	}
}

func TestLines(t *testing.T) {
	var lines telemetry.Lines
	lines.Add(telemetry.LevelDebug, "a\nb\x1b\xff")
	lines.Add(telemetry.LevelWarning, strings.Repeat("x", 2000))
	lines.Add(telemetry.LevelSpan, strings.Repeat("y\n", 2000))
	for range 100 {
		lines.Add(telemetry.LevelDebug, "more")
	}
	got := lines.Take()
	if len(got) != 64 || got[0].Text != "a b \uFFFD" || len(got[1].Text) != 1000 || len(got[2].Text) != 4000 {
		t.Errorf("%d lines: %q, %d, %d", len(got), got[0].Text, len(got[1].Text), len(got[2].Text))
	}
	if again := lines.Take(); len(again) != 0 {
		t.Errorf("%d lines twice", len(again))
	}
}
