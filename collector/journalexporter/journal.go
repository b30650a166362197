// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// attempts is how often append writes a line if its file is gone each time.
const attempts = 10

var errGone = errors.New("the file is gone, or is not as it was written")

// journal is the file, and the state of its lines.
type journal struct {
	path    string
	maxSize int64 // bytes
	maxAge  time.Duration
	sync    bool
	broken  func(error) // called when a sync fails
	// noticed is called when the file is not as it was written. why says how, and err
	// is nil if a new file was made.
	noticed func(why, err error)

	mu      sync.Mutex // guards the fields below, and writing to the file
	folder  *os.File
	file    *os.File
	life    *life // of file
	size    int64
	torn    bool      // a half line may follow after size
	since   time.Time // when the first line was written; zero: an earlier process wrote it
	written uint64    // number of lines so far
	past    []*life   // of earlier files, at most remembered
	said    string    // the last call of noticed, while its cause goes on

	keepMu sync.Mutex // held during a sync; a caller that waits for it often finds its line synced

	// Linux reports a failed sync only once, to one caller. So one goroutine syncs at
	// a time, and an error counts for all later ones.
	diskMu sync.Mutex
	fail   atomic.Value // the first error of a sync
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

// open opens the file, and cuts off a half line at its end.
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

// append writes a line, and returns when the line is safe.
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

// write writes a line. It returns the life of its file, and the number of the line.
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
		_ = j.setAside() // after an error go on with this file; tend will log the error
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

// whole cuts off the half line that a failed write has left.
func (j *journal) whole() error {
	if !j.torn {
		return nil
	}
	err := j.file.Truncate(j.size)
	j.torn = err != nil
	return err
}

// keep returns when a line is on the disk, in a file with the right name, or errGone. A
// caller that had to wait for the lock mostly finds that the previous one has synced its
// line too.
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

// syncFile syncs the file. After one error it always returns that error.
func (j *journal) syncFile(file *os.File) error {
	j.diskMu.Lock()
	defer j.diskMu.Unlock()
	if err := j.failure(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		err = fmt.Errorf("the file could not be synced to the disk: %w", err)
		j.fail.Store(err)
		j.broken(err)
	}
	return j.failure()
}

func (j *journal) failure() error {
	err, _ := j.fail.Load().(error)
	return err
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.file.Sync(), j.file.Close(), j.folder.Close())
}
