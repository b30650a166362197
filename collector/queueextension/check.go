// SPDX-License-Identifier: MIT

package queueextension

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/metrics"
	"strings"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	asked = "runspan-check-queue" // the first argument of a process that is to check a queue
	held  = 3                     // its exit code if another process has the queue

	// checkBytes is the most heap of that process: a damaged page may say that it has some
	// billions of pages, each of which the check would note. A sound queue of 2 GB takes less.
	checkBytes = 128 << 20
)

// This function is global: a process of this program that has asked for its first argument
// checks a queue, and does nothing else.
func init() {
	if len(os.Args) != 3 || os.Args[1] != asked {
		return
	}
	go endAbove(checkBytes)
	err := open(os.Args[2])
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, berrors.ErrTimeout):
		os.Exit(held)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// endAbove ends the process when its heap has more bytes than that. A limit of the system's would
// count what the race detector takes, too, and so find sound queues damaged.
func endAbove(most uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for range time.Tick(10 * time.Millisecond) {
		metrics.Read(heap)
		if heap[0].Value.Uint64() > most {
			fmt.Fprintf(os.Stderr, "its check takes more than %d MB\n", most>>20)
			os.Exit(1)
		}
	}
}

// check returns an error if the path is not a queue that can be opened. It is no error that
// another process has the queue, which file_storage will say.
func check(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("it is not a file")
	}
	if info.Size() == 0 {
		return nil // bbolt fills it
	}
	command := exec.CommandContext(ctx, "/proc/self/exe", asked, path)
	output, err := command.CombinedOutput()
	var ended *exec.ExitError
	if !errors.As(err, &ended) || ended.ExitCode() == held {
		return nil // it is whole, or could not be checked, because the system has no process for that
	}
	if first, _, _ := strings.Cut(string(output), "\n"); first != "" {
		err = fmt.Errorf("%w: %s", err, first)
	}
	return err
}

// open opens the queue as file_storage does, but changes nothing, and reads all of it.
func open(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return err
	}
	return db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		return tx.ForEach(func(_ []byte, bucket *bbolt.Bucket) error {
			sum := byte(0)
			return bucket.ForEach(func(key, value []byte) error {
				for _, b := range value {
					sum ^= b // read each page: one may be beyond the end of the file
				}
				return nil
			})
		})
	})
}
