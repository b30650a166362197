// SPDX-License-Identifier: MIT

// Package gateway_test runs the collector that ./build.sh build-collector builds, with
// the configuration that an installation has, and sends it what clients send and
// what others might. What it has to keep is counted in its files.
package gateway_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// collector is one that runs on loopback, with certificates of its own.
type collector struct {
	ca      *receiver.CA
	dir     string
	listen  string
	metrics string
	health  string
	env     []string
	limit   string // of a file's size, as ulimit -f has it
	cmd     *exec.Cmd
	log     *logFile
}

type logFile struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logFile) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// free is an address on loopback that nobody listens on.
func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// newCollector prepares one; more are variables of its environment.
func newCollector(t testing.TB, more ...string) *collector {
	t.Helper()
	ca, err := receiver.NewCA()
	must(t, err)
	c := &collector{ca: ca, dir: t.TempDir(), listen: free(t), metrics: free(t), health: free(t), log: &logFile{}}
	for _, folder := range []string{"keys", "data/otlp"} {
		must(t, os.MkdirAll(filepath.Join(c.dir, folder), 0o700))
	}
	must(t, os.WriteFile(c.caFile(), ca.PEM(), 0o600))
	c.newCertificate(t)
	_, port, err := net.SplitHostPort(c.metrics)
	must(t, err)
	c.env = append([]string{
		"RUNSPAN_LISTEN=" + c.listen, "RUNSPAN_DATA=" + c.dir + "/data", "RUNSPAN_KEYS=" + c.dir + "/keys",
		"RUNSPAN_SCHEMAS=" + filepath.Dir(host.Schema), "RUNSPAN_METRICS_PORT=" + port, "RUNSPAN_HEALTH=" + c.health,
		"GOMEMLIMIT=400MiB",
	}, more...)
	return c
}

func (c *collector) caFile() string { return filepath.Join(c.dir, "ca.crt") }

// newCertificate puts one in the place of what is there, and returns its number.
func (c *collector) newCertificate(t testing.TB) string {
	t.Helper()
	leaf, err := c.ca.Leaf("127.0.0.1", "localhost")
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	must(t, err)
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: leaf.Certificate[0]},
		"tls.key": {Type: "PRIVATE KEY", Bytes: key},
	} {
		path := filepath.Join(c.dir, "keys", name)
		must(t, os.WriteFile(path+".new", pem.EncodeToMemory(block), 0o600))
		must(t, os.Rename(path+".new", path))
	}
	certificate, err := x509.ParseCertificate(leaf.Certificate[0])
	must(t, err)
	return certificate.SerialNumber.String()
}

// start starts it, and returns when it listens.
func (c *collector) start(t testing.TB, configs ...string) {
	t.Helper()
	binary := filepath.Join(host.Root, "build", "collector", "otelcol")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("run ./build.sh build-collector first: %v", err)
	}
	if c.limit == "" {
		c.limit = "unlimited"
	}
	c.cmd = exec.Command("sh", "-c", `ulimit -f "$0" && exec "$@"`, c.limit, binary)
	for _, config := range append([]string{filepath.Join(host.Root, "collector", "config", "collector.yaml")}, configs...) {
		c.cmd.Args = append(c.cmd.Args, "--config", config)
	}
	c.cmd.Env = c.env
	c.cmd.Dir = c.dir
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, c.cmd.Start())
	cmd := c.cmd
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("its log ends: %.4000s", c.log)
		}
	})
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", c.listen)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("it does not listen: %s", c.log)
		}
	}
}

// stop ends it with a signal, and returns how it ended.
func (c *collector) stop(t testing.TB, signal os.Signal) error {
	t.Helper()
	must(t, c.cmd.Process.Signal(signal))
	return c.cmd.Wait()
}

func (c *collector) url() string { return "https://" + c.listen + "/v1/traces" }

func (c *collector) tls() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.ca.PEM())
	return &tls.Config{RootCAs: roots}
}

func (c *collector) client() *http.Client {
	return &http.Client{
		Transport: &http.Transport{TLSClientConfig: c.tls(), MaxIdleConnsPerHost: 256},
		Timeout:   30 * time.Second,
	}
}

// post sends a body, and returns the status.
func (c *collector) post(client *http.Client, body io.Reader, headers ...string) (int, error) {
	request, err := http.NewRequest(http.MethodPost, c.url(), body)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, errors.Join(err, response.Body.Close())
}

// files are the spans in the files, decoded from JSON, by their ids; all is the
// files' text.
func (c *collector) files(t testing.TB) (ids map[string]int, all string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.dir, "data", "otlp", "*"))
	must(t, err)
	ids = make(map[string]int)
	var text strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		must(t, err)
		text.Write(content)
		lines := strings.SplitAfter(string(content), "\n")
		for _, line := range lines[:len(lines)-1] {
			var request struct {
				ResourceSpans []struct {
					ScopeSpans []struct {
						Spans []struct{ SpanID string }
					}
				}
			}
			if err := json.Unmarshal([]byte(line), &request); err != nil {
				t.Fatalf("%s: %v in %.200q", path, err, line)
			}
			for _, rs := range request.ResourceSpans {
				for _, ss := range rs.ScopeSpans {
					for _, s := range ss.Spans {
						ids[s.SpanID]++
					}
				}
			}
		}
		if last := lines[len(lines)-1]; last != "" {
			t.Errorf("%s ends in half a line", path)
		}
	}
	return ids, text.String()
}

// metric is the sum of one of its own metrics, over what the words select.
func (c *collector) metric(t testing.TB, name string, words ...string) (sum float64) {
	t.Helper()
	response, err := http.Get("http://" + c.metrics + "/metrics")
	must(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	must(t, err)
lines:
	for line := range strings.Lines(string(content)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest == "" || rest[0] != '{' && rest[0] != ' ' {
			continue
		}
		for _, word := range words {
			if !strings.Contains(rest, word) {
				continue lines
			}
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' '):]), 64)
		must(t, err)
		sum += value
	}
	return sum
}

// memory is the most of the machine's that it has had, in MB.
func (c *collector) memory(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	must(t, err)
	_, after, ok := strings.Cut(string(status), "VmHWM:")
	if !ok {
		t.Fatal("no VmHWM in its status")
	}
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	must(t, err)
	return kilobytes >> 10
}

// runHost runs a C program with runspan, which sends 1000 spans.
func runHost(t testing.TB, program, endpoint, caFile string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, program, host.Schema)
	run.Env = host.Environment(t, "", "RUNSPAN_ENDPOINT="+endpoint, "SSL_CERT_FILE="+caFile)
	if out, err := run.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
}

func id(b []byte) string { return hex.EncodeToString(b) }
