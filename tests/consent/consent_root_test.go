// SPDX-License-Identifier: MIT

package consent_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// These tests need root, to mount file systems and to become another user.

// The site's folder is put over the machine's own, in a mount namespace.
const withSite = `set -e
mount -t tmpfs none "$1" && mkdir "$1/upper" "$1/work"
mount -t overlay none -o "lowerdir=/etc,upperdir=$1/upper,workdir=$1/work" /etc
mkdir -p /etc/runspan && touch "/etc/runspan/$0"
shift && exec "$@"`

// inSite is a command that runs where the site has a switch of that name.
func inSite(t *testing.T, name string, command []string) []string {
	return append([]string{"unshare", "-m", "sh", "-c", withSite, name, t.TempDir()}, command...)
}

// The site says no, alone or beside others.
func TestConsentOfTheSite(t *testing.T) { try(t, ofSite) }

// stalled mounts a file system that never answers, and returns its path.
func stalled(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	device, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err == nil {
		err = syscall.Mount("runspan", folder, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", device))
	}
	if err != nil {
		t.Fatalf("to mount FUSE, this test has to run as root: %v", err)
	}
	t.Cleanup(func() { // with nobody to read requests, they fail
		_ = syscall.Close(device)
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// Variables are looked at before files, and the site's switch before the user's:
// a run that is opted out does not wait for a home on a server that is away.
func TestStalledHomes(t *testing.T) {
	home := stalled(t)
	hosts := map[string][]string{
		"C":      {host.Compile(t, append([]string{"hosts/host.c"}, host.Link(t)...)...), host.Schema},
		"Python": {host.Python(t, "dev"), "-IBc", pythonHost, host.Schema},
	}
	for _, r := range rules {
		for name, command := range hosts {
			for _, variable := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
				if r.user != "" && variable != "XDG_STATE_HOME" {
					continue // the switch is there
				}
				t.Run(fmt.Sprint(r.name, " ", name, " ", variable), func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					defer cancel()
					command, env := command, host.Environment(t, "", "RUNSPAN_ENDPOINT=https://127.0.0.1:1", variable+"="+home)
					if variable == "HOME" {
						env = append(env, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
					}
					switch {
					case r.user != "":
						config := t.TempDir()
						touch(t, filepath.Join(config, "runspan", r.user))
						env = append(env, "XDG_CONFIG_HOME="+config)
					case r.site != "":
						command = inSite(t, r.site, command)
					default:
						env = append(env, r.variable)
					}
					c := exec.CommandContext(ctx, command[0], command[1:]...)
					c.Env = env
					out, err := c.CombinedOutput()
					if got, want := strings.TrimSpace(string(out)), fmt.Sprint(r.code, " 0"); err != nil || got != want {
						t.Errorf("open and mapped: %s, want %s; %v", got, want, err)
					}
				})
			}
		}
	}
}

// A run that has not opted out waits a second at most for a home on a server that is
// away: there may be a switch of the user's. Without its state folder it still reports.
func TestStalledHomesAreNotWaitedFor(t *testing.T) {
	home := stalled(t)
	r, err := receiver.Start(receiver.Options{Dir: t.TempDir(), Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	command := []string{host.Compile(t, append([]string{"hosts/host.c"}, host.Link(t)...)...), host.Schema}
	for _, c := range []struct {
		name, want string
		env        []string
		spans      int
	}{
		{"HOME", "5 0", []string{"HOME=" + home, "XDG_STATE_HOME=", "XDG_CONFIG_HOME="}, 0},
		{"below HOME", "5 0", []string{"HOME=" + home + "/a", "XDG_STATE_HOME=", "XDG_CONFIG_HOME="}, 0},
		{"XDG_CONFIG_HOME", "5 0", []string{"XDG_CONFIG_HOME=" + home}, 0},
		{"XDG_STATE_HOME", "0 1", []string{"XDG_STATE_HOME=" + home}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			before := len(r.Spans())
			h := exec.CommandContext(ctx, command[0], command[1:]...)
			h.Env = append(host.Environment(t, t.TempDir(), "RUNSPAN_ENDPOINT="+r.Endpoint()), c.env...)
			if out, err := h.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != c.want {
				t.Errorf("open and mapped: %s, want %s; %v", out, c.want, err)
			}
			if got := len(r.Spans()) - before; got != c.spans {
				t.Errorf("%d spans arrive, want %d", got, c.spans)
			}
		})
	}
}

// A home that can't be looked into may have a switch; one that isn't there has none.
func TestHomesThatCantBeRead(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test needs root")
	}
	const user = 65534
	dir, err := os.MkdirTemp("", "runspan-homes") // t.TempDir's is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	loop, file, closed, state := filepath.Join(dir, "loop"), filepath.Join(dir, "file"), filepath.Join(dir, "closed"), filepath.Join(dir, "state")
	schema, program := filepath.Join(dir, "schema"), filepath.Join(dir, "host")
	lib := host.Library(t)
	built := host.Compile(t, "hosts/host.c", lib+"/librunspan.a")
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Symlink("loop", loop), os.WriteFile(file, nil, 0o600),
		os.MkdirAll(closed+"/home", 0o755), os.Chmod(closed, 0o700), os.Mkdir(state, 0o700), os.Chown(state, user, user),
		os.Link(built, program),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{host.Schema: schema, lib + "/librunspan-core.so": dir + "/librunspan-core.so", lib + "/runspan-core": dir + "/runspan-core"} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	on := "0 1"
	if host.Beside() {
		on = "0 0"
	}
	for _, test := range []struct{ home, out string }{
		{dir + "/none", on},
		{file + "/home", on},
		{"", on},
		{loop, "5 0"},
		{closed + "/home", "5 0"},
	} {
		cmd := exec.Command(program, schema)
		cmd.Dir = dir
		cmd.Env = host.Environment(t, state, "XDG_CONFIG_HOME=", "RUNSPAN_ENDPOINT=https://127.0.0.1:1", "HOME="+test.home)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.out {
			t.Errorf("HOME=%s: open and mapped: %s, want %s; %v", test.home, got, test.out, err)
		}
	}
}
