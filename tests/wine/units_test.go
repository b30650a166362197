// SPDX-License-Identifier: MIT

package wine_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"runspan/tests/host"
)

// The unit tests of the core that ask nothing of Linux.
func TestUnits(t *testing.T) {
	for _, u := range []struct {
		name    string
		options []string
		long    bool
	}{
		{"spool", []string{"-test.skip=TestClaimsAreExclusive"}, false},
		{"spool", []string{"-test.run=TestClaimsAreExclusive"}, true},
		{"serve", nil, false},
		{"courier", []string{"-test.run=TLS|Refused|Proxy|Pins|Response"}, false},
		{"courier", []string{"-test.skip=TestAnExitCostsOneRoundTrip|FarAway|Latency|TestHowLongAConnectionIsHeld|TestHangingCollector"}, true}, // which time deliveries
		{"telemetry", nil, true},
		{"schema", nil, true},
		{"border", nil, true},
		{"command", nil, true},
	} {
		if u.long && !*long {
			continue
		}
		t.Run(u.name, func(t *testing.T) {
			folder := filepath.Join(host.Root, "internal", u.name)
			program := filepath.Join(t.TempDir(), u.name+".exe")
			build(t, "test", "-c", "-o", program, folder)
			ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, filepath.Join(fetched, "wine"), append([]string{onWindows(program), "-test.v"}, u.options...)...)
			c.Dir = folder
			c.Env = append(host.Environment(t, ""), "LANG=C.UTF-8")
			out, err := c.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if !bytes.Contains(out, []byte("\n--- PASS: ")) {
				t.Errorf("no test has run: %s", out)
			}
		})
	}
}
