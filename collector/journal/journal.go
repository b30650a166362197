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
// Others may remove the file, rename it, cut it short or put something in its
// place, and a write to what is open would succeed as before. So no line is
// answered before its file was found under its name, with the size that it was
// written to; else the file is made anew, and the line is written again. An idle
// journal looks twice a second.
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

// attempts is how often a line is written where its file is gone each time.
const attempts = 10

var errGone = errors.New("the file is gone, or is not as it was written")

// journal is the file and what has been written to it.
type journal struct {
	path    string
	maxSize int64
	maxAge  time.Duration
	sync    bool
	broken  func(error) // is told that the disk fails
	// noticed is told why the file was not as it should be, and whether it could be
	// made anew.
	noticed func(why, err error)

	mu      sync.Mutex // of the file, and of writing to it
	folder  *os.File
	file    *os.File
	life    *life // the file's
	size    int64
	torn    bool      // half a line may be there behind size
	since   time.Time // of the first line; zero: an earlier process's
	written uint64    // lines so far
	past    []*life   // of the files before, as many as are remembered
	said    string    // to noticed, of what goes on

	keepMu sync.Mutex // who waits for it often finds its line kept

	// Linux says once that a file could not be synced, to one of those who ask.
	// So one asks at a time, and the answer is for all that come after.
	diskMu sync.Mutex
	fail   atomic.Value // the error, for good
}

// start locks the folder, and opens the file.
func (j *journal) start() error {
	if err := j.lock(); err != nil {
		return err
	}
	if err := j.open(); err != nil {
		return errors.Join(err, j.folder.Close())
	}
	return nil
}

// open opens the file, and cuts off what is no whole line.
func (j *journal) open() error {
	file, err := j.openOrMake()
	if err != nil {
		return err
	}
	size, err := cutToLines(file)
	if err == nil && j.sync {
		err = errors.Join(file.Sync(), j.folder.Sync())
	}
	begun, err2 := newLife(file, j.path, size)
	if err = errors.Join(err, err2); err != nil {
		return errors.Join(err, file.Close())
	}
	begun.kept = j.written
	j.file, j.life, j.size, j.torn, j.since = file, begun, size, false, time.Time{}
	return nil
}

// cutToLines cuts off what is no whole line, and returns what stays.
func cutToLines(file *os.File) (int64, error) {
	size, err := wholeLines(file)
	if err != nil {
		return 0, err
	}
	if info, err := file.Stat(); err != nil || info.Size() == size {
		return size, err
	}
	return size, file.Truncate(size)
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
	line = append(line, '\n')
	for range attempts {
		in, number, err := j.write(line)
		if err != nil {
			return err
		}
		if err := j.keep(in, number); !errors.Is(err, errGone) {
			return err
		}
	}
	return errGone
}

// write says which file the line is in, and which of all lines it is.
func (j *journal) write(line []byte) (in *life, number uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := errors.Join(j.failure(), j.whole()); err != nil {
		return nil, 0, err
	}
	if err := j.mend(); err != nil {
		return nil, 0, err
	}
	if j.size > 0 && j.size+int64(len(line)) > j.maxSize {
		_ = j.setAside() // it goes on as it is then, and tend says why
	}
	if _, err := j.file.Write(line); err != nil {
		j.torn = true
		return nil, 0, errors.Join(err, j.whole())
	}
	if j.size == 0 {
		j.since, j.life.mark = time.Now(), mark(line)
	}
	j.size += int64(len(line))
	j.written++
	return j.life, j.written, nil
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

// keep returns when a line is on the disk, in a file that has its name, or with
// errGone. Who waits for the lock finds that done, as a rule, by whoever had it.
func (j *journal) keep(in *life, number uint64) error {
	j.keepMu.Lock()
	defer j.keepMu.Unlock()
	j.mu.Lock()
	file, upTo, size := j.file, j.written, j.size
	settled, err := in.settled(number)
	j.mu.Unlock()
	if settled {
		return err
	}
	if j.sync {
		if err := j.syncFile(file); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if settled, err := in.settled(number); settled { // the file was set aside
		return err
	}
	if err := j.mend(); err != nil {
		return err
	}
	if !in.lost {
		in.kept, in.bytes = upTo, size
	}
	_, err = in.settled(number)
	return err
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
	if j.displaced() != nil {
		return j.mend()
	}
	aside, err := j.asideName(time.Now())
	if err != nil {
		return err
	}
	if err := os.Rename(j.path, aside); err != nil {
		return err
	}
	before, was, size := j.file, j.life, j.size
	if err := j.open(); err != nil {
		return errors.Join(err, os.Rename(aside, j.path)) // go on with the one there is
	}
	if was.path = aside; was.has(size) {
		was.kept, was.bytes = j.written, size
	} else {
		was.lost = true
	}
	j.remember(was)
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
