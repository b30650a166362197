// SPDX-License-Identifier: MIT

package c_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// Calls have the same answers in both ways, whatever else goes on in the host: signals,
// threads that are cancelled, forks, callbacks that call back.
func TestCalls(t *testing.T) {
	for _, way := range []struct {
		name string
		more []string
	}{{"in the host", nil}, {"beside it", beside}} {
		t.Run(way.name, func(t *testing.T) {
			program := host.Compile(t, append([]string{"hosts/calls.c"}, host.Link(t)...)...)
			for _, situation := range []string{"errno", "log", "lines", "cancel", "signals", "longjmp", "fork", "close", "clients", "spans", "long", "timeouts"} {
				if situation == "longjmp" && way.more == nil {
					continue // Go code that a handler leaves may hold a lock of the runtime's
				}
				t.Run(situation, func(t *testing.T) {
					r, err := receiver.Start(receiver.Options{Dir: t.TempDir()})
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					more := append(way.more, "RUNSPAN_ENDPOINT="+r.Endpoint(), "SSL_CERT_FILE="+r.CAFile())
					switch situation {
					case "log", "lines", "long":
						more = append(more, "RUNSPAN_STRICT=1")
					case "timeouts":
						more = append(way.more, "RUNSPAN_ENDPOINT=https://"+host.Listen(t, func(c net.Conn) { time.Sleep(time.Minute); c.Close() }))
					}
					calls := exec.Command(program, schema, situation)
					calls.Env = host.Environment(t, "", more...)
					timer := time.AfterFunc(2*time.Minute, func() { _ = calls.Process.Kill() })
					defer timer.Stop()
					out, err := calls.CombinedOutput()
					if err != nil || !regexp.MustCompile(`^\d+ passed, 0 failed\n$`).Match(out) {
						t.Fatalf("%v\n%.2000s", err, out)
					}
				})
			}
		})
	}
}

// A process beside that does not behave costs the host seconds, not its life.
func TestAHostileProcess(t *testing.T) {
	program, lib := host.Compile(t, append([]string{"hosts/calls.c"}, host.Link(t)...)...), host.Library(t)
	for misbehaviour, name := range []string{"no greeting", "reads nothing", "garbage", "half an answer", "ends"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			hostile := host.Compile(t, "hosts/hostile.c", "-I"+root+"/capi/front", fmt.Sprint("-DMISBEHAVIOUR=", misbehaviour))
			for _, err := range []error{os.Rename(hostile, dir+"/runspan-core"), os.Symlink(lib+"/librunspan-core.so", dir+"/librunspan-core.so")} {
				if err != nil {
					t.Fatal(err)
				}
			}
			calls := exec.Command(program, schema, "hostile")
			calls.Env = host.Environment(t, "", host.OutOfProcess, "RUNSPAN_CORE="+dir+"/librunspan-core.so")
			if out, err := calls.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%.2000s", err, out)
			}
		})
	}
}
