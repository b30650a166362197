// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// setAside renames the file to a name with the time, and begins a new file.
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
		return errors.Join(err, os.Rename(aside, j.path)) // go on with the old file
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

// tend sets the file aside if it is too old, or if it is too large because write could not
// set it aside.
func (j *journal) tend(now time.Time) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size == 0 || j.size <= j.maxSize && now.Sub(j.since) < j.maxAge {
		return nil
	}
	return j.setAside()
}
