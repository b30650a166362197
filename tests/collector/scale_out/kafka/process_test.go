// SPDX-License-Identifier: MIT

package kafka_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// A process is one of the chain's: it may be killed, and started again.
type process struct {
	t    testing.TB
	name string
	path string
	args []string
	env  []string
	dir  string   // its working directory, where its log is too
	to   string   // its address for clients
	up   []string // addresses on which it listens once it is up

	running *exec.Cmd
	ended   chan struct{}
}

func (p *process) start() {
	p.t.Helper()
	log, err := os.OpenFile(filepath.Join(p.dir, p.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.running = exec.Command(p.path, p.args...)
	p.running.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir}, p.env...)
	p.running.Dir, p.running.Stdout, p.running.Stderr = p.dir, log, log
	p.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ended = make(chan struct{})
	go func(running *exec.Cmd, ended chan struct{}) {
		running.Wait()
		close(ended)
	}(p.running, p.ended)
}

// await waits until it listens.
func (p *process) await() {
	p.t.Helper()
	for _, address := range p.up {
		deadline := time.Now().Add(30 * time.Second)
		for {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				conn.Close()
				break
			}
			select {
			case <-p.ended:
				p.t.Fatalf("%s has ended by itself", p.name)
			case <-time.After(50 * time.Millisecond):
			}
			if time.Now().After(deadline) {
				p.t.Fatalf("%s does not listen on %s: %v", p.name, address, err)
			}
		}
	}
}

// kill ends it with SIGKILL.
func (p *process) kill() {
	if p.running == nil {
		return
	}
	p.running.Process.Kill()
	<-p.ended
	p.running = nil
}

// log is the end of what it said.
func (p *process) log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, p.name+".log"))
	return string(text[max(0, len(text)-4000):])
}

// run starts it, and ends it with the test.
func (p *process) run() *process {
	p.t.Helper()
	p.t.Cleanup(func() {
		p.kill()
		if p.t.Failed() {
			p.t.Logf("%s:\n%s", p.name, p.log())
		}
	})
	p.start()
	return p
}

// address is one of this machine's that nothing listens on.
func address(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// A chain has one authority, whose certificates all its parts show.
type authority struct {
	*receiver.CA
	dir string // of the keys
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	ca, err := receiver.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	a := authority{ca, t.TempDir()}
	a.write(t, "ca.crt", ca.PEM())
	a.write(t, "kafka-ca.crt", ca.PEM())
	for _, name := range []string{"tls", "kafka", "broker"} {
		leaf, err := ca.Peer("127.0.0.1", "localhost")
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
		certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})
		a.write(t, name+".key", keyPEM)
		a.write(t, name+".crt", certPEM)
		a.write(t, name+".pem", append(keyPEM, certPEM...))
	}
	return a
}

func (a authority) write(t testing.TB, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// client is TLS's configuration of a client that trusts the authority.
func (a authority) client() *tls.Config {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.PEM())
	return &tls.Config{RootCAs: roots}
}

// otelcol is the collector that ./build.sh build-collector makes.
func otelcol(t testing.TB) string {
	t.Helper()
	path := filepath.Join(host.Root, "build", "collector", "otelcol")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("run ./build.sh build-collector first: %v", err)
	}
	return path
}

// collector is one with the files of collector/ that are named.
func collector(t testing.TB, keys authority, kafka, name string, configs ...string) *process {
	t.Helper()
	listen, health := address(t), address(t)
	_, ownPort, _ := net.SplitHostPort(address(t))
	data := t.TempDir()
	for _, folder := range []string{"otlp", "queue"} {
		if err := os.Mkdir(filepath.Join(data, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := &process{
		t: t, name: name, path: otelcol(t), dir: data, to: listen, up: []string{health},
		env: []string{
			"RUNSPAN_DATA=" + data, "RUNSPAN_KEYS=" + keys.dir, "RUNSPAN_SCHEMAS=" + filepath.Join(host.Root, "schemas"),
			"RUNSPAN_LISTEN=" + listen, "RUNSPAN_HEALTH=" + health, "RUNSPAN_METRICS_PORT=" + ownPort,
			"RUNSPAN_KAFKA=[" + kafka + "]", "RUNSPAN_INSTANCE=" + name,
		},
	}
	for _, config := range configs {
		p.args = append(p.args, "--config", filepath.Join(host.Root, "collector", config+".yaml"))
	}
	return p
}

// A broker is Kafka, with one node that keeps all.
type broker struct {
	*process
	tls, sasl string // its addresses
	admin     string // the properties of a client
	data      string
}

// java runs one of Kafka's programs. Started, it listens in 2 s or 3.
func java(t testing.TB) (path string, args []string) {
	t.Helper()
	path, err := exec.LookPath("java")
	if err != nil {
		t.Fatal(err)
	}
	jars := filepath.Join(host.Root, "build", "kafka", "lib")
	if _, err := os.Stat(jars); err != nil {
		t.Fatalf("run tests/collector/scale_out/kafka/fetch.sh first: %v", err)
	}
	return path, []string{"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars + "/*"}
}

const properties = `
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[1]s
controller.listener.names=CONTROLLER
listeners=SSL://%[2]s,SASL_SSL://%[3]s,CONTROLLER://%[1]s
advertised.listeners=SSL://%[2]s,SASL_SSL://%[3]s
listener.security.protocol.map=SSL:SSL,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SSL
ssl.keystore.type=PEM
ssl.keystore.location=%[4]s/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[4]s/ca.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs=%[5]s
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
`

const adminProperties = `
security.protocol=SSL
ssl.keystore.type=PEM
ssl.keystore.location=%[1]s/kafka.pem
ssl.truststore.type=PEM
ssl.truststore.location=%[1]s/ca.crt
`

// newBroker makes a broker's disk, with a user who may come with a password. It
// is not started yet.
func newBroker(t testing.TB, keys authority, user, password string) *broker {
	t.Helper()
	dir := t.TempDir()
	b := &broker{tls: address(t), sasl: address(t), admin: filepath.Join(dir, "admin"), data: filepath.Join(dir, "data")}
	server := filepath.Join(dir, "server")
	text := fmt.Sprintf(properties, address(t), b.tls, b.sasl, keys.dir, b.data)
	for path, text := range map[string]string{server: text, b.admin: fmt.Sprintf(adminProperties, keys.dir)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, args := java(t)
	b.process = &process{t: t, name: "broker", path: path, dir: dir, args: append(args, "kafka.Kafka", server), up: []string{b.tls, b.sasl}}
	b.tool("kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", server,
		"--add-scram", "SCRAM-SHA-512=[name="+user+",password="+password+"]")
	return b
}

// tool runs one of Kafka's own tools.
func (b *broker) tool(class string, args ...string) string {
	b.t.Helper()
	path, before := java(b.t)
	out, err := exec.Command(path, append(append(before, class), args...)...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", class, err, out)
	}
	return string(out)
}

// topic makes the topic of the configurations.
func (b *broker) topic() {
	b.t.Helper()
	b.tool("org.apache.kafka.tools.TopicCommand", "--bootstrap-server", b.tls, "--command-config", b.admin,
		"--create", "--topic", "runspan.spans", "--partitions", "6", "--replication-factor", "1")
}
