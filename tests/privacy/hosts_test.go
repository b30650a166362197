// SPDX-License-Identifier: MIT

package privacy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// cage is where a host runs: everything that it can see of its user is a canary.
type cage struct {
	*testing.T
	evidence
	root     string
	canaries map[string][]string // by key; several where the machine has several
	runspan  bool                // the host is one of runspan's

	tap       receiver.Tap
	collector *receiver.Receiver // behind the proxy
	away      atomic.Bool        // the collector is
	plain     *receiver.Receiver // by http, where nothing hides what is sent
	elsewhere string             // an address that nobody should connect to
	key       *ecdsa.PrivateKey  // of client certificates
	outside   []string           // pairs: what is mounted, and over what
}

func newCage(t *testing.T, runspan bool) *cage {
	c := &cage{T: t, root: t.TempDir(), canaries: make(map[string][]string), runspan: runspan}
	c.collector = c.start(receiver.Options{
		Dir:      t.TempDir(),
		Tap:      &c.tap,
		ProxyFor: []string{destination},
		Respond: func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			if c.away.Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return c.away.Load()
		},
	})
	c.plain = c.start(receiver.Options{Tap: &c.tap, Plain: true})
	c.elsewhere = c.listen(t, elsewhere)
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	c.mount("/etc/resolv.conf", "search "+c.word("`/etc/resolv.conf`")+".example\nnameserver "+c.resolve(t, atNameServer)+"\n")
	c.mount("/etc/passwd", fmt.Sprintf("%s:x:%d:0:%[1]s:/:/bin/sh\n", c.word("`/etc/passwd`"), os.Getuid()))
	c.mount("/etc/hostname", c.word("`/etc/hostname`")+"\n")
	c.machine()
	c.write(c.folder("HOME")+"/.netrc", c.netrc("`~/.netrc`"))
	return c
}

func (c *cage) start(opt receiver.Options) *receiver.Receiver {
	r, err := receiver.Start(opt)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { r.Close() })
	return r
}

// machine adds what can't be changed, and so is what this machine has. Its name
// is not among it: a host has another, and this one may be any short word.
func (c *cage) machine() {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		c.Fatal(err)
	}
	dashed := strings.TrimSpace(string(boot))
	digits := strings.ReplaceAll(dashed, "-", "")
	c.canaries["boot id"] = []string{dashed, digits, digits[16:]}
	c.canaries["half boot id"] = []string{digits[:16]}
	interfaces, err := net.Interfaces()
	if err != nil {
		c.Fatal(err)
	}
	for _, i := range interfaces {
		if address := i.HardwareAddr.String(); address != "" {
			c.canaries["hardware addresses"] = append(c.canaries["hardware addresses"], address, strings.ReplaceAll(address, ":", ""))
		}
	}
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		c.Fatal(err)
	}
	c.canaries["real machine id"] = []string{strings.TrimSpace(string(id))}
}

// canary returns a key's canary, which is made when it is first asked for.
func (c *cage) canary(key string, make func() string) string {
	if c.canaries[key] == nil {
		c.canaries[key] = []string{make()}
	}
	return c.canaries[key][0]
}

func (c *cage) word(key string) string {
	return c.canary(key, func() string {
		const characters = "abcdefghijklmnopqrstuvwxyz0123456789"
		word := []byte("canary")
		for range 16 {
			word = append(word, characters[mathrand.N(len(characters))])
		}
		return string(word)
	})
}

func (c *cage) number(key string) string {
	return c.canary(key, func() string { return fmt.Sprint(100_000_000 + mathrand.N(900_000_000)) })
}

func (c *cage) hex(key string) string {
	return c.canary(key, func() string {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		return hex.EncodeToString(b[:])
	})
}

// folder is one with a canary in its path.
func (c *cage) folder(key string) string {
	path := filepath.Join(c.root, c.word(key))
	if err := os.MkdirAll(path, 0o755); err != nil {
		c.Fatal(err)
	}
	return path
}

func (c *cage) write(path, content string) string {
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.Fatal(err)
	}
	return path
}

// mount has the host find this content in a file of the system's.
func (c *cage) mount(over, content string) {
	c.outside = append(c.outside, c.write(filepath.Join(c.TempDir(), filepath.Base(over)), content), over)
}

func (c *cage) netrc(key string) string {
	return fmt.Sprintf("default login %s password %[1]s\n", c.word(key))
}

// config is an OpenTelemetry configuration file.
func (c *cage) config(key string) string {
	return fmt.Sprintf(`file_format: "1.0"
resource:
  attributes:
    - {name: user, value: %[1]s}
tracer_provider:
  processors:
    - simple:
        exporter:
          otlp_http: {endpoint: "http://%[2]s/%[1]s", headers: [{name: api-key, value: %[1]s}]}
`, c.word(key), c.elsewhere)
}

// certificate is a client certificate that names the canary.
func (c *cage) certificate(key string) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: c.word(key)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &c.key.PublicKey, c.key)
	if err != nil {
		c.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (c *cage) privateKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		c.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// fill returns the value of a variable.
func (c *cage) fill(v variable) string {
	file := func(content string) string { return c.write(filepath.Join(c.folder(v.name), "file"), content) }
	proxy := func(url string) string {
		return strings.Replace(url, "http://", fmt.Sprintf("http://%s:%[1]s@", c.word(v.name)), 1)
	}
	switch v.value {
	case "{folder}":
		return c.folder(v.name)
	case "{file}": // that is not there
		return filepath.Join(c.folder(v.name), "file")
	case "{authority}":
		return file(string(c.collector.CAPEM()))
	case "{certificate}":
		return file(c.certificate(v.name))
	case "{key}":
		return file(c.privateKey())
	case "{netrc}":
		return file(c.netrc(v.name))
	case "{config}":
		return file(c.config(v.name))
	case "{proxy}":
		return proxy(c.collector.ProxyURL())
	case "{other proxy}":
		return proxy("http://" + c.elsewhere)
	}
	value := v.value
	for placeholder, make := range map[string]func() string{
		"{url}": func() string { return "http://" + c.elsewhere + "/" + c.word(v.name) },
		"{hex}": func() string { return c.hex(v.name) },
		"@":     func() string { return c.word(v.name) },
		"#":     func() string { return c.number(v.name) },
	} {
		if strings.Contains(value, placeholder) {
			value = strings.ReplaceAll(value, placeholder, make())
		}
	}
	return value
}

// trip is one run of a host.
type trip struct {
	command func(c *cage, program string) []string // program: the key of the program's path
	fails   string                                 // with an exception whose text has this key's canary
	second  bool                                   // environment
	route   route
}

// route is how a host is to reach the collector.
type route int

const (
	throughProxy route = iota
	toNobody           // through the proxy, to a collector that answers 503
	directly           // by http
	byName             // without a proxy, which fails
)

// environment has all canaries, and nothing of this process's but PATH and the way.
func (c *cage) environment(trip trip) []string {
	all := append(host.Way(), "PATH="+os.Getenv("PATH"), "OPENBLAS_NUM_THREADS=1")
	for _, folder := range []string{"HOME", "PWD", "TMPDIR", "XDG_STATE_HOME"} {
		all = append(all, folder+"="+c.folder(folder))
	}
	for _, p := range places {
		for _, v := range p.lines() {
			proxy := v.value == "{proxy}" || v.value == "{other proxy}"
			if v.second && !trip.second || v.runspan && !c.runspan || proxy && trip.route == byName {
				continue
			}
			all = append(all, v.name+"="+c.fill(v))
		}
	}
	if trip.second {
		all = append(all, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=process,host,os", "OTEL_GO_X_OBSERVABILITY=true", "OTEL_GO_X_RESOURCE=true")
	}
	if trip.route == directly {
		all = append(all, "RUNSPAN_ENDPOINT="+c.plain.Endpoint())
	}
	return all
}

// run runs a host, and again where it was too slow to send anything.
func (c *cage) run(trip trip) {
	c.Helper()
	c.away.Store(trip.route == toNobody)
	sent := func() int {
		if trip.route == byName {
			return len(c.all(atNameServer))
		}
		return len(c.collector.Requests()) + len(c.plain.Requests())
	}
	for before, n := sent(), 0; sent() == before; n++ {
		if n == 3 {
			c.Fatal("nothing was sent")
		}
		c.once(trip)
	}
}

// once runs a host once, and adds what it writes.
func (c *cage) once(trip trip) {
	c.Helper()
	name, id, program := "host name", "`/etc/machine-id`", "program"
	if trip.second {
		name, id, program = "detected host name", "detected machine id", "detected program"
	}
	env, command := c.environment(trip), trip.command(c, program)
	outside := append(slices.Clone(c.outside), c.write(filepath.Join(c.TempDir(), "machine-id"), c.hex(id)+"\n"), "/etc/machine-id")
	state := c.folder("XDG_STATE_HOME")
	// Whatever was wrong with the collector before.
	_ = os.Remove(filepath.Join(state, "runspan", "stripepy", "pause"))

	const script = `hostname "$1" && shift && while [ "$1" != -- ]; do mount --bind "$1" "$2" && shift 2 || exit 99; done && shift && exec "$@"`
	arguments := slices.Concat([]string{"-m", "-u", "sh", "-c", script, "sh", c.word(name)}, outside, []string{"--"}, command)
	p := exec.Command("unshare", arguments...)
	p.Dir, p.Env = c.folder("PWD"), env
	before := files(c.root)
	stop := c.watch(state, inSpool)
	timer := time.AfterFunc(time.Minute, func() { _ = p.Process.Kill() })
	out, err := p.CombinedOutput()
	timer.Stop()
	host.AwaitCores(c)
	stop()
	exit := 0
	if trip.fails != "" {
		exit = 1
	}
	if p.ProcessState == nil || p.ProcessState.ExitCode() != exit || exit != 0 && !strings.Contains(string(out), c.word(trip.fails)) {
		c.Fatalf("%v: %v\n%s", command, err, out)
	}
	for _, path := range files(c.root) {
		own := strings.HasPrefix(path, c.folder("output")) || strings.HasPrefix(path, c.folder("log file")) || strings.HasPrefix(path, state)
		if !own && !slices.Contains(before, path) {
			c.addFile(c.root, path, onDisk)
		}
	}
}

// python is a Python of build.sh's virtual environments, by a path with a canary.
func (c *cage) python(program, venv string) string {
	real := filepath.Join(host.Root, "build", "venv", venv)
	if _, err := os.Stat(real + "/bin/python"); err != nil {
		c.Fatalf("run ./build.sh test: %v", err)
	}
	path := filepath.Join(c.folder(program), "venv")
	if err := os.Symlink(real, path); err != nil && !os.IsExist(err) {
		c.Fatal(err)
	}
	return path + "/bin/python"
}

// copied returns the path of a copy with a canary in it.
func (c *cage) copied(key, file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		c.Fatal(err)
	}
	path := c.write(filepath.Join(c.folder(key), filepath.Base(file)), string(content))
	if err := os.Chmod(path, 0o755); err != nil {
		c.Fatal(err)
	}
	return path
}
