// SPDX-License-Identifier: MIT

package kafka_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var clients = flag.Int("clients", 32, "of the benchmark")

// BenchmarkChain measures what a run costs, in bytes and in time of a processor,
// at each part of the chain. Each report comes by a connection of its own, as from
// a program that ends.
//
//	go test -run '^$' -bench Chain -benchtime 6000x ./tests/collector/scale_out/kafka
func BenchmarkChain(b *testing.B) {
	if b.N == 1 {
		return // go test tries that first
	}
	keys, kafka, ingest, edges := whole(b, 1)
	kafka.run().await()
	kafka.topic()
	edges[0].run().await()
	load := newLoad(b, keys, edges[0].to)
	load.plain = true
	load.client.Transport.(*http.Transport).DisableKeepAlives = true
	edgeBefore, kafkaBefore, began := edges[0].cpu(), kafka.cpu(), time.Now()
	load.start(*clients, b.N / *clients, 0)
	load.crowd.Wait()
	runs := float64(load.acked.Load())
	report := func(what string, total float64) { b.ReportMetric(total/runs, what) }
	microseconds := func(before, after time.Duration) float64 { return float64((after - before).Microseconds()) }
	b.ReportMetric(runs/time.Since(began).Seconds(), "acknowledged/s")
	report("body-B/run", float64(load.bodies.Load()))
	report("wire-B/run", float64(load.wire.Load()))

	// All of it in the broker before the other side begins.
	size := int64(-1)
	for now := bytesOf(b, kafka.data); now != size; now = bytesOf(b, kafka.data) {
		size = now
		time.Sleep(3 * time.Second)
	}
	report("kafka-B/run", float64(size))
	report("edge-us/run", microseconds(edgeBefore, edges[0].cpu()))
	began = time.Now()
	ingest.run().await()
	files := found{}
	for deadline := time.Now().Add(2 * time.Minute); len(files.times) < int(runs); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %.0f spans are in the files", len(files.times), runs)
		}
		files = read(b, ingest.dir)
	}
	b.ReportMetric(runs/time.Since(began).Seconds(), "taken/s")
	report("file-B/run", float64(files.bytes))
	report("ingest-us/run", microseconds(0, ingest.cpu()))
	report("kafka-us/run", microseconds(kafkaBefore, kafka.cpu()))
}

// cpu is the time of a processor that it has had.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.running.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the 3rd on
	var ticks time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
}

// bytesOf is what the segments of the topic have.
func bytesOf(t testing.TB, data string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(data, "runspan.spans-*", "*.log"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no segments in %s: %v", data, err)
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}
