// SPDX-License-Identifier: MIT

package contract

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"runspan/internal/spool"
	"runspan/internal/telemetry"
)

func schemaWith(member string) string {
	return fmt.Sprintf(`{"service": "tool", "destination": "https://127.0.0.1:1/", %s "spans": {"sort": "It sorts."}}`, member)
}

// silent is the endpoint of a collector that never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String() + "/v1/traces"
}

func config(t *testing.T, member, endpoint string) telemetry.Config {
	t.Helper()
	return telemetry.Config{
		Service: "tool", Schema: schemaWith(member), Version: "0.1.0", Endpoint: endpoint,
		Folder: filepath.Join(folder(t), "runspan", "tool"),
	}
}

// folder makes a folder. On a busy machine a courier may write into it after Close, so
// testing's own could not always be removed.
func folder(t *testing.T) string {
	t.Helper()
	path, err := os.MkdirTemp("", "runspan")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 100 {
			if err = os.RemoveAll(path); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error(err)
	})
	return path
}

// handedOver has the options of the clients of each hand-over.
type handedOver [][]telemetry.Config

func (h *handedOver) deliver(clients []telemetry.Config) { *h = append(*h, clients) }

func open(t *testing.T, c *Core, config telemetry.Config) (client uint64) {
	t.Helper()
	client, err := c.Open(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// report reports a span.
func report(t *testing.T, c *Core, client uint64) {
	t.Helper()
	span, err := c.Begin(client, "sort")
	if err == nil {
		err = c.End(span, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run reports a span, and closes the client, which waits for that time.
func run(t *testing.T, c *Core, config telemetry.Config, milliseconds uint32) {
	t.Helper()
	client := open(t, c, config)
	report(t, c, client)
	_ = c.Close(client, milliseconds)
}

const lingers = `"linger_ms": 3000,`

func TestWhatCloseHasNotDeliveredIsHandedOver(t *testing.T) {
	var handed handedOver
	c, given := New(handed.deliver), config(t, lingers, silent(t))
	run(t, c, given, 0)
	if len(handed) != 1 || len(handed[0]) != 1 || handed[0][0].Folder != given.Folder || handed[0][0].Log != nil {
		t.Errorf("%+v", handed)
	}
	run(t, c, given, 0)
	if len(handed) != 1 {
		t.Error("a second process while the first one may live")
	}
	c.handOver.until = time.Now()
	run(t, c, given, 0)
	if len(handed) != 2 || len(handed[1]) != 1 {
		t.Errorf("the next one: %+v", handed)
	}
}

func TestTheLastCloseHandsOverForAll(t *testing.T) {
	var handed handedOver
	c, endpoint := New(handed.deliver), silent(t)
	one, other := config(t, lingers, endpoint), config(t, lingers, endpoint)
	clients := []uint64{open(t, c, one), open(t, c, one), open(t, c, other), open(t, c, other)}
	for i, client := range clients {
		if i < 3 { // the last one has nothing to deliver
			report(t, c, client)
		}
	}
	for _, client := range clients {
		if len(handed) > 0 {
			t.Fatal("a client is open")
		}
		_ = c.Close(client, 0)
	}
	if len(handed) != 1 || len(handed[0]) != 2 || handed[0][0].Folder != one.Folder || handed[0][1].Folder != other.Folder {
		t.Errorf("%+v", handed)
	}
}

func TestNothingIsHandedOver(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer up.Close()
	const refused = "http://127.0.0.1:1/v1/traces" // nobody listens there
	hangs := silent(t)
	for _, c := range []struct {
		name   string
		config telemetry.Config
		wait   uint32 // most return sooner
		change func(*telemetry.Config)
	}{
		{"without the member", config(t, "", hangs), 0, nil},
		{"with 0", config(t, `"linger_ms": 0,`, hangs), 0, nil},
		{"after a delivery", config(t, lingers, up.URL+"/v1/traces"), 10_000, nil},
		{"in a pause", config(t, lingers, refused), 10_000, nil},
		{"in a preview", config(t, lingers, hangs), 0, func(c *telemetry.Config) { c.Preview, c.Log = true, func(telemetry.Level, string) {} }},
		{"with no folder", config(t, lingers, hangs), 0, func(c *telemetry.Config) { c.Folder = "" }},
		{"where no folder can be made", config(t, lingers, hangs), 0, func(c *telemetry.Config) { c.Folder = "/dev/null/runspan/tool" }},
		{"through a proxy that is no proxy", config(t, lingers, "https://collector.example/"), 10_000, func(c *telemetry.Config) {
			c.Network.Proxy, c.Network.ProxyVariable = "ftp://proxy", "https_proxy"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var handed handedOver
			if c.change != nil {
				c.change(&c.config)
			}
			run(t, New(handed.deliver), c.config, c.wait)
			if len(handed) != 0 {
				t.Errorf("%+v", handed)
			}
		})
	}
}

// A collector that is known to be farther away than the process may live is not tried.
func TestNothingIsHandedOverThatTakesTooLong(t *testing.T) {
	given := config(t, `"linger_ms": 250,`, silent(t))
	run(t, New(nil), given, 0) // it makes the folder
	store := spool.Open(given.Folder, spool.Limits{Files: 9, Bytes: 1 << 20, Age: time.Hour}, nil, nil)
	defer store.Close(context.Background())
	for latency, want := range map[time.Duration]int{249 * time.Millisecond: 1, 251 * time.Millisecond: 0} {
		store.SetLatency(spool.Latency{MeasuredAt: time.Now(), Duration: latency})
		var handed handedOver
		run(t, New(handed.deliver), given, 0)
		if len(handed) != want {
			t.Errorf("%v: %+v", latency, handed)
		}
	}
}
