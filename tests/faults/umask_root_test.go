// SPDX-License-Identifier: MIT

package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// user is who the tests here run hosts as.
const user = "12345"

func as(group string) []string {
	return []string{"setpriv", "--reuid", user, "--regid", group, "--clear-groups"}
}

// openTo is a state folder of a user's.
func openTo(t *testing.T, user string) string {
	t.Helper()
	state := t.TempDir()
	reachable(t, state)
	if out, err := exec.Command("chown", user+":"+user, state).CombinedOutput(); err != nil {
		t.Fatalf("to give a folder away, this test has to run as root: %v\n%s", err, out)
	}
	return state
}

// reachable lets all users reach what is in a temporary folder.
func reachable(t *testing.T, path string) {
	t.Helper()
	for at := path; at != os.TempDir(); at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// reports counts the reports of each run.
func reports(r *receiver.Receiver) (whole, aborted map[int]int) {
	whole, aborted = make(map[int]int), make(map[int]int)
	for _, s := range r.Spans() {
		if number, isAborted := mark(s.Span); isAborted {
			aborted[number]++
		} else {
			whole[number]++
		}
	}
	return whole, aborted
}

// A new user's folders can be used, by other programs too, whatever the umask is
// of the tool that makes them; and what is in them is delivered.
func TestUmasks(t *testing.T) {
	tool := compileTool(t)
	reachable(t, tool.path)
	for _, umask := range []string{"0022", "0177", "0277", "0477", "0700", "0777"} {
		t.Run(umask, func(t *testing.T) {
			r := listen(t, receiver.Options{})
			home := openTo(t, user)
			env := append(host.Environment(t, "", to(r)...), "HOME="+home, "XDG_STATE_HOME=")
			away := append(slices.Clone(env), "RUNSPAN_ENDPOINT=https://"+closedPort(t)+"/v1/traces")
			masked := slices.Concat(as(user), []string{"sh", "-c", "umask " + umask + ` && exec "$@"`, "sh"})
			p, out := start(t, slices.Concat(masked, tool.command(1, 1, 50*time.Millisecond, "end", budget)), away)
			finish(t, p, out)
			p, out = start(t, slices.Concat(masked, tool.command(2, 1, 50*time.Millisecond, "_exit", budget)), away)
			finish(t, p, out)
			for _, folder := range []string{".local", ".local/state", ".local/state/runspan", ".local/state/runspan/stripepy"} {
				info, err := os.Stat(filepath.Join(home, folder))
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode() != os.ModeDir|0o700 || info.Sys().(*syscall.Stat_t).Uid != 12345 {
					t.Errorf("%s: %v", folder, info.Mode())
				}
			}
			if err := os.Remove(filepath.Join(home, ".local/state/runspan/stripepy/pause")); err != nil {
				t.Error(err)
			}
			p, out = start(t, slices.Concat(masked, tool.command(3, 1, 0, "end", 5*time.Second)), env)
			finish(t, p, out)
			if whole, aborted := reports(r); whole[1] != 1 || aborted[2] != 1 || whole[3] != 1 {
				t.Errorf("whole %v, aborted %v", whole, aborted)
			}
		})
	}
}
