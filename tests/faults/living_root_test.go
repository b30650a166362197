// SPDX-License-Identifier: MIT

package faults_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// processes is what two runs see of each other.
var processes = []struct {
	name        string
	around      []string // both
	first, next []string // each, within that
	how         string   // the first one ends, where it is not killed
}{
	{"nothing special", nil, as(user), as(user), "end"},
	{"hidepid=1, and groups", mounted("mount -t proc -o hidepid=1 proc /proc"), as(user), as("12346"), "end"},
	{"hidepid=2, and groups", mounted("mount -t proc -o hidepid=2 proc /proc"), as(user), as("12346"), "end"},
	{"hidepid=4, and groups", mounted("mount -t proc -o hidepid=4 proc /proc"), as(user), as("12346"), "end"},
	{"subset=pid", mounted("mount -t proc -o subset=pid proc /proc"), as(user), as(user), "end"},
	{"no /proc", mounted("mount -t tmpfs none /proc"), as(user), as(user), "end"},
	{"another time namespace", nil, as(user), slices.Concat([]string{"unshare", "-T", "--boottime", "123456"}, as(user)), "end"},
	{"another time namespace, of the first", nil, slices.Concat([]string{"unshare", "-T", "--boottime", "123456"}, as(user)), as(user), "end"},
	{"a pid namespace, and the machine's /proc", []string{"unshare", "-p", "--fork"}, as(user), as(user), "end"},
	{"the first thread has ended", nil, as(user), as(user), "thread"},
}

// mounted runs a command where something else is mounted.
func mounted(mount string) []string {
	return []string{"unshare", "-m", "sh", "-c", mount + ` && exec "$@"`, "sh"}
}

// both runs two commands, the second while the first goes on, and waits for both.
const both = `first=$1; next=$2; shift 2
set -e
$first & child=$!
sleep 0.5
if [ "$KILL" ]; then
	kill -9 $child
	wait $child || true
fi
$next
[ "$KILL" ] || wait $child`

// A run that goes on is not taken for one that was killed, whatever a second run
// can see of it; and one that was killed is found, where that is certain.
func TestLiveRunIsNotAborted(t *testing.T) {
	tool := compileTool(t)
	reachable(t, tool.path)
	for _, p := range processes {
		for _, kill := range []string{"", "1"} {
			t.Run(p.name+"/killed "+kill, func(t *testing.T) {
				t.Parallel() // most of a run is a sleep
				r := listen(t, receiver.Options{})
				state := openTo(t, user)
				env := append(host.Environment(t, state, to(r)...), "KILL="+kill)
				first := slices.Concat(p.first, tool.command(1, 1, 1500*time.Millisecond, p.how, 5*time.Second))
				next := slices.Concat(p.next, tool.command(2, 1, 0, "end", 5*time.Second))
				run := slices.Concat(p.around, []string{"sh", "-c", both, "sh", shellWords(t, first), shellWords(t, next)})
				c := exec.Command(run[0], run[1:]...)
				c.Env, c.Dir = env, "/"
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				whole, aborted := reports(r)
				if kill == "" && (whole[1] != 1 || whole[2] != 1 || len(aborted) > 0) {
					t.Errorf("whole %v, aborted %v", whole, aborted)
				}
				// Where even the boot is unknown a killed run counts as gone later.
				known := !strings.Contains(p.name, "subset") && p.name != "no /proc"
				if kill != "" && (whole[2] != 1 || known && aborted[1] != 1) {
					t.Errorf("killed: whole %v, aborted %v", whole, aborted)
				}
			})
		}
	}
}

// shellWords is a command for a shell that splits it at spaces.
func shellWords(t *testing.T, words []string) string {
	t.Helper()
	if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w, " \t\n*?[") }); i >= 0 {
		t.Fatalf("a shell would not leave %q as it is", words[i])
	}
	return strings.Join(words, " ")
}
