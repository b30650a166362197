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
// acknowledged. Where the disk does not take what was written, the collector ends,
// to be started again: what the disk holds is not known from then on.
//
// The file is set aside under a name with the time, spans-<time>.json for
// spans.json, when it has grown large or old, or an earlier process has begun it.
// Nothing here removes a file. The folder is locked: two collectors in it would
// cut off each other's lines.
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
	"syscall"
	"time"
)

// journal is the file and what has been written to it.
type journal struct {
	path    string
	maxSize int64
	maxAge  time.Duration
	sync    bool
	broken  func(error) // is told that the disk fails

	mu     sync.Mutex // of the file, and of writing to it
	folder *os.File
	file   *os.File
	size   int64
	torn   bool      // half a line may be there behind size
	since  time.Time // of the first line; zero: an earlier process's

	written atomic.Uint64 // lines so far
	syncMu  sync.Mutex    // of synced: who waits for it often finds its line synced
	synced  uint64

	// Linux says once that a file could not be synced, to one of those who ask.
	// So one asks at a time, and the answer is for all that come after.
	diskMu sync.Mutex
	fail   atomic.Value // the error, for good
}

// start locks the folder, and opens the file.
func (j *journal) start() error {
	folder, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	if err = syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		err = fmt.Errorf("%s is another collector's: %w", folder.Name(), err)
	}
	j.folder = folder
	if err == nil {
		err = j.open()
	}
	if err != nil {
		return errors.Join(err, folder.Close())
	}
	return nil
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
		err = errors.Join(file.Sync(), j.folder.Sync())
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	j.file, j.size = file, size
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
	if err := errors.Join(j.failure(), j.whole()); err != nil {
		return 0, err
	}
	if j.size > 0 && j.size+int64(len(line)) > j.maxSize {
		_ = j.setAside() // it goes on as it is then, and tend says why
	}
	if _, err := j.file.Write(line); err != nil {
		j.torn = true
		return 0, errors.Join(err, j.whole())
	}
	if j.size == 0 {
		j.since = time.Now()
	}
	j.size += int64(len(line))
	return j.written.Add(1), nil
}

// whole cuts off what a write has left half way.
func (j *journal) whole() error {
	if !j.torn {
		return nil
	}
	err := j.file.Truncate(j.size)
	j.torn = err != nil
	return err
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
	if err := j.syncFile(file); err != nil {
		return err
	}
	j.synced = upTo
	return nil
}

// syncFile fails for good once it has failed.
func (j *journal) syncFile(file *os.File) error {
	j.diskMu.Lock()
	defer j.diskMu.Unlock()
	if err := j.failure(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		err = fmt.Errorf("the disk did not take what was written: %w", err)
		j.fail.Store(err)
		j.broken(err)
	}
	return j.failure()
}

func (j *journal) failure() error {
	err, _ := j.fail.Load().(error)
	return err
}

// setAside gives the file its name with the time, and begins another.
func (j *journal) setAside() error {
	if err := j.whole(); err != nil {
		return err
	}
	if j.sync {
		if err := j.syncFile(j.file); err != nil {
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
	return errors.Join(j.file.Sync(), j.file.Close(), j.folder.Close())
}
