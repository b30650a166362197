// SPDX-License-Identifier: MIT

// Package journal is an exporter of the OpenTelemetry Collector that keeps what
// has been acknowledged. Each request becomes one line of OTLP/JSON in a file,
// and is answered when that line is on the disk: the file has been written and
// synced, so that neither SIGKILL nor a power cut takes it back. Requests that
// come together share one sync.
//
// A line is whole or not there. Where a write fails half way, on a full disk,
// the half is cut off again and the sender told to come back (HTTP status 503);
// what a kill has left of a line is cut off at the next start. It was not
// acknowledged.
//
// The file is set aside under a name with the time, spans-<time>.json for
// spans.json, when it has grown large or old. Nothing here removes a file.
//
// The collector's own file exporter can't do this: it writes a line in two
// parts, syncs nothing, appends to what a kill has left, and sets files aside by
// size alone.
package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// journal is the file and what has been written to it.
type journal struct {
	path    string
	maxSize int64
	maxAge  time.Duration
	sync    bool

	mu    sync.Mutex // of the file, and of writing to it
	file  *os.File
	size  int64
	since time.Time // of the first line
	fail  error     // of a sync: what the disk holds is not known from then on

	written atomic.Uint64 // lines so far
	syncMu  sync.Mutex
	synced  uint64
}

// open opens the file, and cuts off what is no whole line.
func (j *journal) open() error {
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	size, err := wholeLines(file)
	if err == nil {
		err = file.Truncate(size)
	}
	if err == nil && j.sync {
		err = errors.Join(file.Sync(), syncFolder(j.path))
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.size, j.since = file, size, time.Now()
	return nil
}

// wholeLines returns where the last line ends.
func wholeLines(file *os.File) (int64, error) {
	end, err := file.Seek(0, io.SeekEnd)
	chunk := make([]byte, 64<<10)
	for end > 0 && err == nil {
		part := chunk[:min(end, int64(len(chunk)))]
		if _, err = file.ReadAt(part, end-int64(len(part))); err != nil {
			break
		}
		if last := bytes.LastIndexByte(part, '\n'); last >= 0 {
			return end - int64(len(part)) + int64(last) + 1, nil
		}
		end -= int64(len(part))
	}
	return 0, err
}

// append writes a line, and returns when it is there to stay.
func (j *journal) append(line []byte) error {
	number, err := j.write(append(line, '\n'))
	if err != nil || !j.sync {
		return err
	}
	return j.syncTo(number)
}

func (j *journal) write(line []byte) (number uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size > 0 && j.size+int64(len(line)) > j.maxSize {
		_ = j.setAside() // it goes on as it is then, and tend says why
	}
	if _, err := j.file.Write(line); err != nil {
		return 0, errors.Join(err, j.file.Truncate(j.size))
	}
	if j.size == 0 {
		j.since = time.Now()
	}
	j.size += int64(len(line))
	return j.written.Add(1), nil
}

// syncTo returns when so many lines are on the disk. Who waits for the lock
// finds that done, as a rule, by whoever had it.
func (j *journal) syncTo(number uint64) error {
	j.syncMu.Lock()
	defer j.syncMu.Unlock()
	if j.synced >= number {
		return nil
	}
	// What is in another file than this one has been synced when that was set aside.
	j.mu.Lock()
	file, upTo := j.file, j.written.Load()
	j.mu.Unlock()
	err := file.Sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil && !errors.Is(err, os.ErrClosed) {
		j.failed(err)
	}
	if j.fail == nil {
		j.synced = upTo
	}
	return j.fail
}

// failed keeps the error of a sync. The system tells it once, to whoever syncs
// the file next; what the others wait for may be lost too.
func (j *journal) failed(err error) {
	j.fail = fmt.Errorf("the disk did not take what was written: %w", err)
}

// setAside gives the file its name with the time, and begins another.
func (j *journal) setAside() error {
	if j.sync {
		if err := j.file.Sync(); err != nil {
			j.failed(err)
			return err
		}
	}
	aside, err := j.asideName(time.Now())
	if err != nil {
		return err
	}
	if err := os.Rename(j.path, aside); err != nil {
		return err
	}
	before := j.file
	if err := j.open(); err != nil {
		return errors.Join(err, os.Rename(aside, j.path)) // go on with the one there is
	}
	return before.Close()
}

func (j *journal) asideName(now time.Time) (string, error) {
	extension := filepath.Ext(j.path)
	for ; ; now = now.Add(time.Millisecond) {
		name := strings.TrimSuffix(j.path, extension) + "-" + now.UTC().Format("2006-01-02T15-04-05.000") + extension
		if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

// tend sets the file aside when it is old, or has grown although write would not
// have it.
func (j *journal) tend(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size == 0 || j.size <= j.maxSize && now.Sub(j.since) < j.maxAge {
		return nil
	}
	return j.setAside()
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.file.Sync(), j.file.Close())
}

// syncFolder makes a new name stay.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
