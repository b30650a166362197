// SPDX-License-Identifier: MIT

package faults_test

import (
	"fmt"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// TestDisks runs hosts whose state folder is of no use, with a collector that is
// up and one that isn't. No host may notice, and what can be sent is.
func TestDisks(t *testing.T) {
	tool := compileTool(t)
	hosts := []struct {
		name    string
		command []string
		spans   int
	}{
		{"C", tool.command(1, 1, 30*time.Millisecond, "end", budget), 1},
		{"C, many spans", tool.command(1, 2000, 0, "end", 5*time.Second), 2000},
		{"Python", []string{host.Python(t, "dev"), "-I", "-c", pythonTool, host.Schema}, 1},
	}
	for _, disk := range []struct {
		name string
		make string // for sh, as root in its own mount namespace, with $S the state folder
	}{
		{"full", `mount -t tmpfs -o size=4k none "$S"; head -c 9999 /dev/zero > "$S/fill" 2>/dev/null || true`},
		{"has room for a file or two", `mount -t tmpfs -o size=16k none "$S"`},
		{"becomes full", `mount -t tmpfs -o size=128k none "$S"`},
		{"quota of files", `mount -t tmpfs -o nr_inodes=5 none "$S"`},
		{"read-only", `mount -t tmpfs -o ro none "$S"`},
		{"becomes read-only", `mkdir -p -m 700 "$S/runspan/stripepy"; mount -t tmpfs -o ro none "$S/runspan/stripepy"`},
		{"a file is in its place", `echo > "$S/runspan"`},
		{"a pipe is in its place", `mkfifo "$S/runspan"`},
		{"a link to itself", `ln -s runspan "$S/runspan"`},
		{"of another user", `mkdir -p "$S/runspan/stripepy"; chown 12345 "$S/runspan/stripepy"`},
	} {
		for _, h := range hosts {
			for _, up := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/up %v", disk.name, h.name, up), func(t *testing.T) {
					r := listen(t, receiver.Options{})
					env := to(r)
					if !up {
						env[0] = "RUNSPAN_ENDPOINT=https://" + closedPort(t) + "/v1/traces"
					}
					state := t.TempDir()
					script := `set -e; S=$0; ` + disk.make + `; exec "$@"`
					command := append([]string{"unshare", "-m", "sh", "-c", script, state}, h.command...)
					p, out := start(t, command, host.Environment(t, state, env...))
					result := finish(t, p, out)
					if result.signal != 0 || result.code["opened"] != 0 || result.code["begun"] != 0 || result.code["ended"] != 0 {
						t.Errorf("the host noticed: %v %s", result.signal, asJSON(result.code))
					}
					if came := len(distinct(r.Spans())); up && came != h.spans {
						t.Errorf("%d of %d spans arrived", came, h.spans)
					}
				})
			}
		}
	}
}
