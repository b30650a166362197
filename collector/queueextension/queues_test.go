// SPDX-License-Identifier: MIT

package queueextension

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const page = 4096

// newQueue makes a queue as file_storage does, and returns its bytes.
func newQueue(t *testing.T, path string) []byte {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	require.NoError(t, err)
	for round := range 20 {
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("default"))
			for i := range 50 {
				if err == nil {
					err = bucket.Put(fmt.Append(nil, round*50+i), make([]byte, 100*i))
				}
			}
			return err
		}))
	}
	require.NoError(t, db.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

func start(t *testing.T, directory string) []observer.LoggedEntry {
	t.Helper()
	core, logs := observer.New(zapcore.ErrorLevel)
	require.NoError(t, (&queues{directory: directory, log: zap.New(core)}).Start(context.Background(), nil))
	return logs.All()
}

// What is damaged is set aside and said, once; file_storage can open what is left.
func TestDamagedQueues(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"cut in half":       func(b []byte) []byte { return b[:len(b)/2] },
		"cut within a page": func(b []byte) []byte { return b[:3*page+100] },
		"only two pages":    func(b []byte) []byte { return b[:2*page] },
		"a byte":            func(b []byte) []byte { return b[:1] },
		"zeros":             func(b []byte) []byte { clear(b); return b },
		"zeros after the metadata": func(b []byte) []byte {
			clear(b[2*page:])
			return b
		},
		"its metadata": func(b []byte) []byte {
			clear(b[:2*page])
			return b
		},
		"another file": func([]byte) []byte { return []byte("{\"exporter\": 1}\n") },
		"a page with billions of pages": func(b []byte) []byte {
			for at := 2 * page; at+page <= len(b); at += page {
				binary.LittleEndian.PutUint32(b[at+12:], 1<<32-1)
			}
			return b
		},
		"broken pages": func(b []byte) []byte {
			for at := 2 * page; at+page <= len(b); at += page {
				for i := range b[at : at+page] {
					b[at+i] = byte(rand.IntN(256))
				}
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			path := filepath.Join(directory, "exporter_otlp_http_vendor_traces")
			content := damage(newQueue(t, path))
			require.NoError(t, os.WriteFile(path, content, 0o600))
			said := start(t, directory)
			require.Len(t, said, 1)
			require.Equal(t, path, said[0].ContextMap()["queue"])
			require.NoFileExists(t, path)
			aside, err := os.ReadFile(path + damaged)
			require.NoError(t, err)
			require.Equal(t, content, aside)
			newQueue(t, path)
			require.Empty(t, start(t, directory))
		})
	}
	var checks syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_CHILDREN, &checks))
	require.Less(t, checks.Maxrss, int64(512<<10), "kB of memory")
}

// Each page in turn: what passes is opened by bbolt, and its values are read.
func TestEachPage(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "queue")
	whole := newQueue(t, path)
	found := 0
	for at := 0; at < len(whole); at += page * 53 {
		content := append([]byte(nil), whole...)
		for i := range 64 {
			content[at+i] ^= 0x5a
		}
		require.NoError(t, os.WriteFile(path, content, 0o600))
		if check(context.Background(), path) != nil {
			found++
			continue
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
		require.NoError(t, err)
		require.NoError(t, db.Close())
	}
	require.Positive(t, found)
}

func TestOtherKinds(t *testing.T) {
	directory := t.TempDir()
	in := func(name string) string { return filepath.Join(directory, name) }
	require.NoError(t, os.MkdirAll(in("folder/inside"), 0o700))
	require.NoError(t, os.MkdirAll(in("folder.damaged/before"), 0o700))
	require.NoError(t, os.Symlink("nowhere", in("link")))
	require.NoError(t, os.Symlink("loop", in("loop")))
	require.NoError(t, syscall.Mkfifo(in("fifo"), 0o600))
	require.NoError(t, os.WriteFile(in("empty"), nil, 0o600))
	require.NoError(t, os.WriteFile(in("tempdb123"), []byte("half"), 0o600))
	newQueue(t, in("good"))
	require.Len(t, start(t, directory), 4)
	require.DirExists(t, in("folder.damaged/inside"))
	require.NoDirExists(t, in("folder.damaged/before"))
	require.FileExists(t, in("good"))
	require.FileExists(t, in("empty"))
	require.FileExists(t, in("tempdb123"))
	require.Empty(t, start(t, in("missing")))
}

// A folder that can't be read, and a queue that can't be set aside, are said. The collector starts.
func TestNothingCanBeDone(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	require.NoError(t, os.WriteFile(file, []byte("{}"), 0o600))
	require.Len(t, start(t, file), 1)

	path := filepath.Join(directory, strings.Repeat("n", 250)) // with .damaged too long for a name
	require.NoError(t, os.WriteFile(path, []byte("no queue"), 0o600))
	require.Len(t, start(t, directory), 2)
	require.FileExists(t, path)
}

// A queue that another process has is not damaged.
func TestHeldQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queue")
	newQueue(t, path)
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, check(context.Background(), path))
	require.NoError(t, db.Close())
}

func TestConfig(t *testing.T) {
	all, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	for name, good := range map[string]bool{"queue/all": true, "queue/default": false} {
		section, err := all.Sub(name)
		require.NoError(t, err)
		config := NewFactory().CreateDefaultConfig()
		require.NoError(t, section.Unmarshal(config))
		require.Equal(t, good, confmap.Validate(config) == nil, name)
	}
}
