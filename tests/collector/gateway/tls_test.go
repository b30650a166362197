// SPDX-License-Identifier: MIT

package gateway_test

import (
	"crypto/tls"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
)

func tlsDial(c *collector) (*tls.Conn, error) { return tls.Dial("tcp", c.listen, c.tls()) }

func (c *collector) writeKey(t testing.TB, name, content string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(c.dir, "keys", name), []byte(content), 0o600))
}

// A certificate that has been replaced is the one that is shown, without a
// restart and without a request that fails.
func TestNewCertificate(t *testing.T) {
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	shown := func() string { return c.shown(t) }
	before, next := shown(), c.newCertificate(t)
	if before == next {
		t.Fatal("they have the same number")
	}
	end := time.Now().Add(10 * time.Second)
	for shown() != next && time.Now().Before(end) {
		if status, err := c.post(c.client(), encode(t, report(1))); err != nil || status != 200 {
			t.Fatalf("meanwhile a report gets %d, %v", status, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := shown(); got != next {
		t.Errorf("it shows %s, not %s", got, next)
	}
}

// shown is the number of the certificate that a handshake shows.
func (c *collector) shown(t testing.TB) string {
	t.Helper()
	conn, err := tlsDial(c)
	must(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// While only one of certificate and key is new, the pair before is shown, and no handshake fails, even after a restart.
func TestHalfARenewal(t *testing.T) {
	for _, name := range []string{"tls.crt", "tls.key"} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
			path := filepath.Join(c.dir, "keys", name)
			before, err := os.ReadFile(path)
			must(t, err)
			c.newCertificate(t)
			after, err := os.ReadFile(path)
			must(t, err)
			c.start(t)
			number := c.shown(t)
			must(t, os.WriteFile(path, before, 0o600))
			for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				if got := c.shown(t); got != number {
					t.Fatalf("it shows %s, not %s", got, number)
				}
			}
			if !strings.Contains(c.log.String(), "the certificate before is used") {
				t.Error("its log says nothing")
			}
			must(t, c.stop(t, syscall.SIGTERM))
			c.start(t)
			if got := c.shown(t); got != number {
				t.Errorf("after a restart it shows %s, not %s", got, number)
			}
			must(t, os.WriteFile(path, after, 0o600))
			if got := c.shown(t); got != number {
				t.Errorf("with both it shows %s, not %s", got, number)
			}
		})
	}
}

// By sslyze, the collector speaks only TLS 1.2 and 1.3, with forward secrecy and authenticated
// encryption, and has none of the known weaknesses.
func TestScan(t *testing.T) {
	scanner := filepath.Join(host.Root, "build", "venv", "scan", "bin", "sslyze")
	if _, err := os.Stat(scanner); err != nil {
		t.Fatalf("run ./build.sh test gateway: %v", err)
	}
	c := newCollector(t, "RUNSPAN_PER_MINUTE=0")
	c.start(t)
	found := filepath.Join(t.TempDir(), "found.json")
	scan := exec.Command(scanner, "--json_out", found, "--sslv2", "--sslv3", "--tlsv1", "--tlsv1_1", "--tlsv1_2", "--tlsv1_3",
		"--heartbleed", "--openssl_ccs", "--robot", "--compression", "--reneg", "--fallback", "--mozilla_config", "disable", c.listen)
	if out, err := scan.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(found)
	must(t, err)
	type suites struct {
		Result struct {
			Accepted []struct {
				Suite struct{ Name string } `json:"cipher_suite"`
			} `json:"accepted_cipher_suites"`
		}
	}
	var report struct {
		Results []struct {
			Scan struct {
				SSL2       suites `json:"ssl_2_0_cipher_suites"`
				SSL3       suites `json:"ssl_3_0_cipher_suites"`
				TLS10      suites `json:"tls_1_0_cipher_suites"`
				TLS11      suites `json:"tls_1_1_cipher_suites"`
				TLS12      suites `json:"tls_1_2_cipher_suites"`
				TLS13      suites `json:"tls_1_3_cipher_suites"`
				Heartbleed struct {
					Result struct {
						Is bool `json:"is_vulnerable_to_heartbleed"`
					}
				}
				CCS struct {
					Result struct {
						Is bool `json:"is_vulnerable_to_ccs_injection"`
					}
				} `json:"openssl_ccs_injection"`
				Compression struct {
					Result struct {
						Is bool `json:"supports_compression"`
					}
				} `json:"tls_compression"`
				Renegotiation struct {
					Result struct {
						DoS    bool `json:"is_vulnerable_to_client_renegotiation_dos"`
						Secure bool `json:"supports_secure_renegotiation"`
					}
				} `json:"session_renegotiation"`
				Robot struct {
					Result struct {
						Is string `json:"robot_result"`
					}
				}
			} `json:"scan_result"`
		} `json:"server_scan_results"`
	}
	must(t, json.Unmarshal(content, &report))
	if len(report.Results) != 1 {
		t.Fatalf("%d results: %.1000s", len(report.Results), content)
	}
	s := report.Results[0].Scan
	for name, old := range map[string]suites{"SSL 2.0": s.SSL2, "SSL 3.0": s.SSL3, "TLS 1.0": s.TLS10, "TLS 1.1": s.TLS11} {
		if len(old.Result.Accepted) > 0 {
			t.Errorf("it speaks %s: %v", name, old.Result.Accepted)
		}
	}
	var names []string
	for _, of := range []suites{s.TLS12, s.TLS13} {
		if len(of.Result.Accepted) == 0 {
			t.Error("it does not speak TLS 1.2, or 1.3")
		}
		for _, accepted := range of.Result.Accepted {
			name := accepted.Suite.Name
			names = append(names, name)
			if strings.HasPrefix(name, "TLS_RSA") || !strings.Contains(name, "GCM") && !strings.Contains(name, "POLY1305") {
				t.Errorf("it takes %s", name)
			}
		}
	}
	if s.Heartbleed.Result.Is || s.CCS.Result.Is || s.Compression.Result.Is || s.Renegotiation.Result.DoS ||
		!strings.HasPrefix(s.Robot.Result.Is, "NOT_VULNERABLE") {
		t.Errorf("a known hole: %+v", s)
	}
	t.Logf("it takes %v", names)
}
