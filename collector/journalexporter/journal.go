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

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.file.Sync(), j.file.Close(), j.folder.Close())
}
