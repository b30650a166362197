// SPDX-License-Identifier: MIT

// Package kafka_test runs the collectors of collector/scale-out with a real Kafka
// between them: clients, a balancer, edge collectors, the broker, an ingesting
// collector and its files.
package kafka_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"runspan/tests/host"
)

// edge and ingest are the two sides. The one shows Kafka a certificate, the other
// comes with a password: each way is tried.
func edge(t testing.TB, keys authority, b *broker, name string) *process {
	return collector(t, keys, b.tls, name, "config/collector", "scale-out/kafka", "scale-out/edge")
}

func ingest(t testing.TB, keys authority, b *broker, name string) *process {
	return collector(t, keys, b.sasl, name, "config/collector", "scale-out/kafka", "scale-out/kafka-sasl", "scale-out/ingest")
}

// whole is a chain, of which nothing runs yet.
func whole(t testing.TB, edges int) (keys authority, b *broker, in *process, out []*process) {
	t.Helper()
	keys = newAuthority(t)
	password := rand.Text()
	keys.write(t, "kafka.user", []byte("ingest"))
	keys.write(t, "kafka.password", []byte(password))
	b = newBroker(t, keys, "ingest", password)
	for i := range edges {
		out = append(out, edge(t, keys, b, "edge"+string(rune('1'+i))))
	}
	return keys, b, ingest(t, keys, b, "ingest"), out
}

// balancer is HAProxy with the configuration of collector/scale-out. A client may
// connect so often in a minute.
func balancer(t testing.TB, rate string, edges ...string) *process {
	t.Helper()
	root := filepath.Join(host.Root, "build", "debs", "root")
	listen := address(t)
	return &process{
		t: t, name: "haproxy", path: filepath.Join(root, "usr", "sbin", "haproxy"), dir: t.TempDir(), to: listen, up: []string{listen},
		args: []string{"-db", "-f", filepath.Join(host.Root, "collector", "scale-out", "haproxy.cfg")},
		env:  append(host.Debs(), "RUNSPAN_LISTEN="+listen, "RUNSPAN_EDGE_1="+edges[0], "RUNSPAN_EDGE_2="+edges[1], "RUNSPAN_CLIENT_RATE="+rate),
	}
}

// Every part but the balancer is killed under load and started again, and Kafka is
// not there yet when the first reports come. What was acknowledged is in the
// files, and nothing that the schema does not name.
func TestChain(t *testing.T) {
	keys, kafka, ingest, edges := whole(t, 2)
	for _, edge := range edges {
		edge.run().await()
	}
	balancer := balancer(t, "1000000", edges[0].to, edges[1].to).run()
	balancer.await()
	load := newLoad(t, keys, balancer.to)
	load.start(8, 4000, 20*time.Millisecond)
	began := time.Now()

	// during waits, and says how many reports are acknowledged meanwhile.
	during := func(what string, wait func()) {
		t.Helper()
		before := load.acked.Load()
		wait()
		for deadline := time.Now().Add(20 * time.Second); load.acked.Load() == before && time.Now().Before(deadline); {
			time.Sleep(50 * time.Millisecond)
		}
		n := load.acked.Load() - before
		t.Logf("%4.1f s: %4d acknowledged %s", time.Since(began).Seconds(), n, what)
		if n == 0 {
			t.Errorf("nothing is acknowledged %s", what)
		}
	}
	pause := func() { time.Sleep(time.Second) }

	during("before Kafka is there", pause)
	kafka.run().await()
	kafka.topic()
	ingest.run()
	during("while all is well", pause)
	kafka.kill()
	during("while Kafka is dead", pause)
	kafka.start()
	kafka.await()
	during("while Kafka is back", pause)
	ingest.kill()
	during("while the ingesting collector is dead", pause)
	ingest.start()
	during("while it is back", pause)
	edges[0].kill()
	during("while one edge is dead", pause)
	edges[0].start()
	edges[0].await()
	kafka.kill()
	ingest.kill()
	edges[1].kill()
	during("while Kafka, the ingesting collector and the other edge are dead", pause)
	kafka.start()
	kafka.await()
	ingest.start()
	edges[1].start()
	edges[1].await()
	during("while all is back", pause)
	ids := load.end()

	acknowledged := int(load.acked.Load())
	deadline := time.Now().Add(40 * time.Second)
	files := read(t, ingest.dir)
	for files.missing(ids) > 0 && time.Now().Before(deadline) {
		time.Sleep(250 * time.Millisecond)
		files = read(t, ingest.dir)
	}
	if missing := files.missing(ids); missing > 0 {
		t.Errorf("%d of %d acknowledged spans are not in the files", missing, acknowledged)
	}
	repeats := 0
	for id, times := range files.times {
		if _, sent := ids[id]; !sent {
			t.Errorf("span %s was never sent, or is somebody else's", id)
		}
		repeats += times - 1
	}
	if files.foreign > 0 {
		t.Errorf("%q is in the files, %d times", foreign, files.foreign)
	}
	for _, part := range append(edges, balancer, ingest) {
		if log, err := os.ReadFile(filepath.Join(part.dir, part.name+".log")); err != nil || bytes.Contains(log, []byte(clientAddress)) {
			t.Errorf("the log of %s has the address of a client, or can't be read: %v", part.name, err)
		}
	}
	t.Logf("%4.1f s: all is there", time.Since(began).Seconds())
	t.Logf("%d spans sent in %d requests, %d acknowledged, %d in the files, %d repeats",
		len(ids), load.tries.Load(), acknowledged, len(files.times), repeats)
}

// A client that connects too often is turned away, and no warning is given of the
// configuration.
func TestBalancer(t *testing.T) {
	edge, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer edge.Close()
	go func() {
		for {
			conn, err := edge.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "hello")
			conn.Close()
		}
	}()
	const rate = 5
	b := balancer(t, fmt.Sprint(rate), edge.Addr().String(), edge.Addr().String())
	check := exec.Command(b.path, "-c", "-dW", "-f", b.args[2])
	check.Env = b.env
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.run().await() // its first connection of the minute
	greeted := 0
	for range 3 * rate {
		conn, err := net.Dial("tcp", b.to)
		if err != nil { // reset already
			continue
		}
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		text, _ := io.ReadAll(conn)
		conn.Close()
		if string(text) == "hello" {
			greeted++
		}
	}
	if greeted == 0 || greeted > rate {
		t.Errorf("%d of %d connections of a minute pass, at most %d may", greeted, 3*rate, rate)
	}
}
