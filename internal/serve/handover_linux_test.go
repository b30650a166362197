// SPDX-License-Identifier: MIT

package serve

import (
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"runspan/internal/contract"
	"runspan/internal/courier"
	"runspan/internal/spool"
	"runspan/internal/telemetry"
	"runspan/tests/receiver"
)

// far has a receiver that is a round trip away, as the options of a client.
func far(t *testing.T, roundTrip time.Duration, linger string) (telemetry.Config, *receiver.Receiver) {
	t.Helper()
	right, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = right.Close() })
	endpoint, err := url.Parse(right.Endpoint())
	if err != nil {
		t.Fatal(err)
	}
	relay, err := receiver.NewRelay(endpoint.Host, roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(relay.Close)
	endpoint.Host = relay.Address()
	return telemetry.Config{
		Service: "tool", Schema: `{"linger_ms": ` + linger + `,` + toolSchema[1:], Version: "1.2.3", Endpoint: endpoint.String(),
		Folder: t.TempDir() + "/runspan/tool", Network: courier.Network{CertFile: right.CAFile()},
	}, right
}

// handOver is HandOver to a server of a version. ended receives the time when it ends.
func handOver(t *testing.T, version string, clients []telemetry.Config) (ended chan time.Duration) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ended = make(chan time.Duration, 1)
	begun := time.Now()
	if err := HandOver(fds[0], clients); err != nil { // before there is a process, as it mostly is
		t.Error(err)
	}
	go func() {
		if err := Run(os.NewFile(uintptr(fds[1]), "socket"), os.Getpid(), version); err != nil {
			t.Error(err)
		}
		ended <- time.Since(begun)
	}()
	return ended
}

// endSpan returns a core, and a client of it that has ended a span.
func endSpan(t *testing.T, deliver func([]telemetry.Config), config telemetry.Config) (core *contract.Core, client uint64) {
	t.Helper()
	core = contract.New(deliver)
	client, err := core.Open(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	span, err := core.Begin(client, "sort")
	if err == nil {
		err = core.End(span, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return core, client
}

// run makes a run in the host that can't deliver.
func run(t *testing.T, deliver func([]telemetry.Config), config telemetry.Config) {
	t.Helper()
	core, client := endSpan(t, deliver, config)
	if code := contract.CodeOf(core.Close(client, 0)); code != contract.NotDelivered {
		t.Errorf("close: %d", code)
	}
}

func TestAProcessDeliversWhatAHostHandsOver(t *testing.T) {
	for _, roundTrip := range []time.Duration{0, 90 * time.Millisecond, 160 * time.Millisecond} {
		config, right := far(t, roundTrip, "3000")
		var ended chan time.Duration
		run(t, func(clients []telemetry.Config) { ended = handOver(t, "1.2.3", clients) }, config)
		if ended == nil {
			t.Fatal("nothing is handed over")
		}
		if lived := <-ended; lived > 3*time.Second {
			t.Errorf("it lives %v", lived)
		}
		if n, left := len(right.Spans()), len(spool.Entries(config.Folder)); n != 1 || left > 1 { // the one that was sent stays
			t.Errorf("%v away: %d arrived, %d files", roundTrip, n, left)
		}
	}
}

func TestAProcessDeliversForEachClient(t *testing.T) {
	one, first := far(t, 0, "3000")
	other, second := far(t, 0, "3000")
	for _, config := range []telemetry.Config{one, other} {
		run(t, nil, config)
	}
	<-handOver(t, "1.2.3", []telemetry.Config{one, other})
	if len(first.Spans()) != 1 || len(second.Spans()) != 1 {
		t.Errorf("%d and %d arrived", len(first.Spans()), len(second.Spans()))
	}
}

// A package may have been replaced since the host has loaded its core.
func TestAProcessOfAnotherVersionDeliversNothing(t *testing.T) {
	config, right := far(t, 0, "3000")
	run(t, nil, config)
	<-handOver(t, "1.2.4", []telemetry.Config{config})
	if n := len(right.Spans()); n != 0 {
		t.Errorf("%d arrived", n)
	}
}

// A collector that never answers holds the process for linger_ms, and no longer.
func TestAProcessEndsAfterItsLinger(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for linger, most := range map[string]time.Duration{"0": 500 * time.Millisecond, "500": 1200 * time.Millisecond} {
		config, _ := far(t, 0, linger)
		config.Endpoint = "https://" + l.Addr().String() + "/v1/traces"
		run(t, nil, config)
		lived := <-handOver(t, "1.2.3", []telemetry.Config{config})
		if wanted, _ := time.ParseDuration(linger + "ms"); lived < wanted || lived > most {
			t.Errorf("linger_ms %s: it lives %v", linger, lived)
		}
	}
}

// The deadline of a close is not the delivery's where the process outlives the close: in
// these 250 ms there is time for the handshakes, and not for the response.
func TestADeliveryGoesOnAfterClose(t *testing.T) {
	config, right := far(t, 90*time.Millisecond, "3000")
	core, client := endSpan(t, nil, config)
	ended, err := core.CloseLater(client, 250)
	if contract.CodeOf(err) != contract.NotDelivered {
		t.Error(err)
	}
	<-ended
	if n := len(right.Spans()); n != 1 {
		t.Errorf("%d arrived", n)
	}
}
