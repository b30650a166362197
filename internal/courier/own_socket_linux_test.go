// SPDX-License-Identifier: MIT

package courier_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"runspan/internal/courier"
)

// The host may close all descriptors and have files of its own under their numbers:
// they are not the courier's to read, to write to, or to close.
func TestHostClosesTheDescriptor(t *testing.T) {
	for _, scheme := range []string{"http", "https"} {
		c := &collector{}
		server := httptest.NewUnstartedServer(c)
		if scheme == "https" {
			server.TLS = &tls.Config{}
			server.StartTLS()
		} else {
			server.Start()
		}
		network := &courier.Network{}
		if scheme == "https" {
			network.CertFile = certificateOf(t, server)
		}
		s := start(t, server.URL, network, "")
		s.Expect(isRunning)
		port := server.Listener.Addr().(*net.TCPAddr).Port
		number := -1
		eventually(t, "connection", func() bool { number = connectedTo(port); return number >= 0 })
		time.Sleep(100 * time.Millisecond)
		hosts, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = hosts.WriteString("the host's")
		if err := syscall.Dup2(int(hosts.Fd()), number); err != nil { // closes the socket, too
			t.Fatal(err)
		}
		s.put(t, "a")
		if delivered, took := s.finish(5 * time.Second); !delivered || c.came() != "a" {
			t.Errorf("%s: delivered %v after %v, came %q", scheme, delivered, took, c.came())
		}
		s.close()
		time.Sleep(50 * time.Millisecond)
		if err := syscall.Fstat(number, &syscall.Stat_t{}); err != nil {
			t.Errorf("%s: the host's descriptor is closed: %v", scheme, err)
		}
		if content, err := os.ReadFile(hosts.Name()); err != nil || string(content) != "the host's" {
			t.Errorf("%s: the host's file has %q, %v", scheme, content, err)
		}
		_ = syscall.Close(number)
		hosts.Close()
		server.Close()
	}
}

// connectedTo returns this process's descriptor of a connection to a loopback port,
// or -1.
func connectedTo(port int) int {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		var fd int
		if _, err := fmt.Sscan(entry.Name(), &fd); err != nil {
			continue
		}
		if link, _ := os.Readlink("/proc/self/fd/" + entry.Name()); !strings.HasPrefix(link, "socket:") {
			continue
		}
		name, err := syscall.Getpeername(fd)
		if a, ok := name.(*syscall.SockaddrInet4); err == nil && ok && a.Port == port {
			return fd
		}
	}
	return -1
}
