// SPDX-License-Identifier: MIT

package guest_test

import (
	"encoding/binary"
	"fmt"

	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// stall is a file system that does not answer from some time on. free has it go on, or
// fail, so that no process waits for it any longer.
type stall struct {
	folder string
	free   func()
}

// silent mounts a FUSE file system whose server greets the kernel, takes its requests,
// and does not answer them. A process that waits for one can't be killed.
func silent(t *testing.T) stall {
	t.Helper()
	folder := t.TempDir()
	device, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err == nil {
		err = syscall.Mount("runspan", folder, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", device))
	}
	if err != nil {
		t.Fatalf("to mount FUSE, this test has to run as root: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		serveSilently(device)
	}()
	free := func() { _ = syscall.Unmount(folder, syscall.MNT_FORCE|syscall.MNT_DETACH) } // it ends the connection: requests fail
	t.Cleanup(func() {
		free()
		<-ended
		_ = syscall.Close(device)
	})
	return stall{folder, free}
}

// serveSilently answers the first request, FUSE_INIT, and only reads the others.
func serveSilently(device int) {
	request := make([]byte, 1<<20)
	n, err := syscall.Read(device, request)
	if err != nil || n < 56 {
		return
	}
	order := binary.NativeEndian
	const size = 16 + 64                                            // a header, and a struct fuse_init_out
	reply := order.AppendUint32(nil, size)                          // length
	reply = order.AppendUint32(reply, 0)                            // error
	reply = append(reply, request[8:16]...)                         // the request's number
	reply = order.AppendUint32(order.AppendUint32(reply, 7), 31)    // the protocol's version
	reply = order.AppendUint32(order.AppendUint32(reply, 1<<16), 0) // max_readahead, flags
	reply = order.AppendUint16(order.AppendUint16(reply, 12), 9)    // max_background, congestion_threshold
	reply = order.AppendUint32(order.AppendUint32(reply, 1<<16), 1) // max_write, time_gran
	if _, err := syscall.Write(device, append(reply, make([]byte, size-len(reply))...)); err != nil {
		return
	}
	for err == nil || err == syscall.EINTR || err == syscall.ENOENT { // ENOENT: a request that was withdrawn
		_, err = syscall.Read(device, request)
	}
}

// frozen mounts an ext4 and freezes it: who writes waits, and can't be killed.
func frozen(t *testing.T) stall {
	t.Helper()
	dir := t.TempDir()
	image, folder := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	for _, command := range [][]string{
		{"truncate", "-s", "16M", image},
		{"mkfs.ext4", "-q", image},
		{"mkdir", folder},
		{"mount", "-o", "loop", image, folder},
		{"chmod", "1777", folder},
		{"fsfreeze", "-f", folder},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
	free := func() { _ = exec.Command("fsfreeze", "-u", folder).Run() } // it fails where that has been done
	t.Cleanup(func() {
		free()
		if out, err := exec.Command("umount", "-l", folder).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
	return stall{folder, free}
}

// below is the environment of a host with its state there.
func (s stall) below(variable string) []string {
	env := []string{variable + "=" + s.folder}
	if variable == "HOME" { // or its variables lead elsewhere
		env = append(env, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=")
	}
	return env
}
