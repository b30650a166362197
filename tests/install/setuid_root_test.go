// SPDX-License-Identifier: MIT

package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"runspan/tests/host"
)

// A program that runs with more rights than its user heeds none of that user's
// variables: it loads, makes and removes nothing where they say, and connects to
// nowhere. The same program run by the one who has those rights does.
func TestMoreRightsThanTheUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test needs root")
	}
	const owner, user = 1, 65534
	dir, err := os.MkdirTemp("", "runspan-setuid") // t.TempDir's is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	lib := host.Library(t)
	program, other, config := filepath.Join(dir, "open"), filepath.Join(dir, "other.so"), filepath.Join(dir, "linecount.json")
	write(t, config, read(t, schema), 0o644)
	write(t, other, read(t, otherCore(t, "9.9.9")), 0o755)
	write(t, filepath.Join(dir, "librunspan-core.so"), read(t, lib+"/librunspan-core.so"), 0o644)
	write(t, program, read(t, host.Compile(t, "hosts/open.c", lib+"/librunspan.a")), 0o755)
	if err := os.Chown(program, owner, owner); err != nil {
		t.Fatal(err)
	}
	certificates := regexp.MustCompile(`(?m)^log .*certificate.*\n`) // the receiver's is not for the owner to read
	const said = "log telemetry is off: this process has more rights than its user (setuid, file capabilities)\n"
	secure := said + "open 19\nstate 19\n" + said + "command 19\nsecure 1\n"
	for _, test := range []struct {
		name     string
		mode     os.FileMode // of the program
		by       uint32
		variable string
		out      string
		left     int // files in the spool, where one was
	}{
		{"by its owner", 0o755, owner, "", "open 0\nstate 0\nsecure 0\n", 2},
		{"by its owner who opted out", 0o755, owner, "NO_TELEMETRY=1", "open 2\nstate 2\nsecure 0\n", 1},
		{"another core", 0o755, user, "RUNSPAN_CORE=" + other, "loaded\nlog telemetry is off: librunspan-core.so is of another version\nopen 13\nstate 13\nsecure 0\n", 1},
		{"setuid", 0o755 | os.ModeSetuid, user, "", secure, 1},
		{"setuid, another core", 0o755 | os.ModeSetuid, user, "RUNSPAN_CORE=" + other, secure, 1},
		{"setuid, opted out", 0o755 | os.ModeSetuid, user, "NO_TELEMETRY=1", secure, 1},
		{"setuid, to be shown", 0o755 | os.ModeSetuid, user, "RUNSPAN_PREVIEW=1", secure, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.Chmod(program, test.mode); err != nil {
				t.Fatal(err)
			}
			state, err := os.MkdirTemp(dir, "state")
			if err != nil {
				t.Fatal(err)
			}
			spool := filepath.Join(state, "runspan", "linecount")
			if err := os.MkdirAll(spool, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, spool+"/pause", nil, 0o600)
			for _, path := range []string{state, filepath.Dir(spool), spool, spool + "/pause"} {
				if err := os.Chown(path, owner, owner); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(program, config)
			cmd.Dir = dir
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: test.by, Gid: test.by}}
			more := []string{"XDG_CONFIG_HOME=" + dir, "XDG_STATE_HOME=" + state}
			if test.variable != "" {
				more = append(more, test.variable)
			}
			out, code, spans := run(t, cmd, more...)
			out = certificates.ReplaceAllString(out, "")
			if out != test.out || code != 7 || spans != "" {
				t.Errorf("exit code %d, spans %q, output\n%s", code, spans, out)
			}
			if left, err := filepath.Glob(spool + "/*"); err != nil || len(left) != test.left {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}
