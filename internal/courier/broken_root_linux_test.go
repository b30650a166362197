// SPDX-License-Identifier: MIT

package courier_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"runspan/internal/courier"
)

// These tests need root, for files of /etc of their own and to be a name server.

// elsewhere runs the test once more, where files of /etc are others. It says
// whether this is that run.
func elsewhere(t *testing.T, files map[string]string) bool {
	t.Helper()
	if os.Getenv("ELSEWHERE") == t.Name() {
		return true
	}
	script := `exec "$0" "$@"`
	for path, content := range files {
		file := filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		script = fmt.Sprintf("mount --bind '%s' '%s' && ", file, path) + script
	}
	again := exec.Command("unshare", "-m", "sh", "-c", script, os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "ELSEWHERE="+t.Name())
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// deliver says how long a delivery takes, the best of three.
func deliver(t *testing.T, endpoint string, network *courier.Network) (took time.Duration) {
	t.Helper()
	for try := range 3 {
		s := start(t, endpoint, network, "")
		s.put(t, "a")
		delivered, now := s.flush(20 * time.Second)
		if !delivered {
			s.mu.Lock()
			defer s.mu.Unlock()
			t.Fatalf("not delivered: %q", s.lines)
		}
		if try == 0 || now < took {
			took = now
		}
		s.close()
	}
	return took
}

// serveFor is a collector over TLS at a loopback address, whose certificate is for
// the name.
func serveFor(t *testing.T, name, address string) (port string, network *courier.Network) {
	t.Helper()
	ca, file := newCA(t)
	certificate, err := ca.Leaf(name)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&collector{})
	server.Listener.Close()
	if server.Listener, err = net.Listen("tcp", address); err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.StartTLS()
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port(), &courier.Network{CertFile: file}
}

// An IPv6 route that swallows packets costs 50 ms where there is IPv4.
func TestDeadIPv6Route(t *testing.T) {
	if !elsewhere(t, map[string]string{"/etc/hosts": "::1 collector.example\n127.0.0.1 collector.example\n"}) {
		return
	}
	// Its queue is full, so the kernel answers no SYN any more.
	fd, err := syscall.Socket(syscall.AF_INET6, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	here := &syscall.SockaddrInet6{Addr: [16]byte{15: 1}}
	if err := syscall.Bind(fd, here); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(bound.(*syscall.SockaddrInet6).Port)
	full := false
	for i := 0; i < 16 && !full; i++ {
		c, err := net.DialTimeout("tcp", "[::1]:"+port, 200*time.Millisecond)
		if full = err != nil; !full {
			defer c.Close()
		}
	}
	if !full {
		t.Fatal("the queue does not become full")
	}
	_, network := serveFor(t, "collector.example", "127.0.0.1:"+port)
	if took := deliver(t, "https://collector.example:"+port, network); took < 50*time.Millisecond || took > 200*time.Millisecond {
		t.Errorf("a delivery takes %v", took)
	}
}

// answerDNS answers a question for an IPv4 address with 127.0.0.1.
func answerDNS(t *testing.T, query []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		t.Error(err)
		return nil
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, err := m.Pack()
	if err != nil {
		t.Error(err)
	}
	return packed
}

// nameServer answers after a time, by how many questions have come; 0: never.
func nameServer(t *testing.T, address string, after func(question int) time.Duration) {
	t.Helper()
	server, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		packet := make([]byte, 512)
		for question := 0; ; question++ {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			reply := answerDNS(t, packet[:n])
			if wait := after(question); wait > 0 {
				time.AfterFunc(wait, func() { _, _ = server.WriteTo(reply, from) })
			}
		}
	}()
}

// A dead name server costs a second where there is another one.
func TestADeadNameServer(t *testing.T) {
	if !elsewhere(t, map[string]string{"/etc/resolv.conf": "nameserver 127.0.0.91\nnameserver 127.0.0.92\n"}) {
		return
	}
	nameServer(t, "127.0.0.91:53", func(int) time.Duration { return 0 })
	nameServer(t, "127.0.0.92:53", func(int) time.Duration { return time.Millisecond })
	port, network := serveFor(t, "collector.example", "127.0.0.1:0")
	if took := deliver(t, "https://collector.example:"+port, network); took < 900*time.Millisecond || took > 2*time.Second {
		t.Errorf("a delivery takes %v", took)
	}
}

// One that is slow, and the only one, is waited for.
func TestASlowNameServer(t *testing.T) {
	if !elsewhere(t, map[string]string{"/etc/resolv.conf": "nameserver 127.0.0.93\n"}) {
		return
	}
	nameServer(t, "127.0.0.93:53", func(int) time.Duration { return 1500 * time.Millisecond })
	port, network := serveFor(t, "collector.example", "127.0.0.1:0")
	s := start(t, "https://collector.example:"+port, network, "")
	s.put(t, "a")
	if delivered, took := s.flush(10 * time.Second); !delivered {
		t.Errorf("not delivered after %v", took)
	}
}
