// SPDX-License-Identifier: MIT

package guest_test

import (
	"flag"
	"fmt"
	"testing"

	"runspan/tests/host"
)

var idleSeconds = flag.Int("idle", 10, "how long the host of TestIdle idles, in seconds")

// A host with a span that lasts: it is not woken to speak of, and does not grow.
// Most of what there is comes in the first seconds.
func TestIdle(t *testing.T) {
	const threads = 14 // at the most; capi/guest/limits.h has 10
	c := compile(t)[0]
	env := host.Environment(t, "", "RUNSPAN_ENDPOINT="+hole(t))
	var table string
	for _, run := range []struct {
		name string
		env  []string
	}{
		{"without runspan", append(env[:len(env):len(env)], "GUEST_CONTROL=1")},
		{"with it, the core in the host", append(env[:len(env):len(env)], inHost.variables()...)},
		{"with it, the core beside the host", append(env[:len(env):len(env)], beside.variables()...)},
	} {
		o := execute(t, append(c.command, "--", "idle", fmt.Sprint(*idleSeconds)), run.env)
		var switches, grown, running, resident int
		line := o.all[len(o.all)-1]
		if n, err := fmt.Sscanf(line, "!switches %d, KiB %d, threads %d, resident %d", &switches, &grown, &running, &resident); n != 4 {
			t.Fatalf("%q: %v", line, err)
		}
		if switches > 10**idleSeconds || grown > 1024 || running > threads {
			t.Errorf("%s: %s", run.name, line)
		}
		table += fmt.Sprintf("| %s | %d | %.1f MiB | %d | %d KiB |\n", run.name, running, float64(resident)/1024, switches, grown)
	}
	t.Log("\n" + table)
	if *tablePath != "" {
		head := fmt.Sprintf("| a C host with an open span | threads | resident | context switches in %d s | growth in that time |\n| --- | ---: | ---: | ---: | ---: |\n", *idleSeconds)
		if err := host.WriteTable(*tablePath, "idle", head+table); err != nil {
			t.Fatal(err)
		}
	}
}
