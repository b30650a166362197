// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock takes the folder that the path leads to.
func (j *journal) lock() error {
	folder, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s is another collector's: %w", folder.Name(), err), folder.Close())
	}
	if j.folder != nil {
		_ = j.folder.Close() // nothing was written to it
	}
	j.folder = folder
	return nil
}

// enter takes the folder that has the place of the one before, if there is one.
// Another volume may be one that is not encrypted, of which the collector's start
// is the place to ask.
func (j *journal) enter() error {
	found, err := os.Stat(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	held, err := j.folder.Stat()
	if err != nil || os.SameFile(found, held) {
		return err
	}
	if found.Sys().(*syscall.Stat_t).Dev != held.Sys().(*syscall.Stat_t).Dev {
		err := fmt.Errorf("%s is on another volume than before", filepath.Dir(j.path))
		j.fail.Store(err)
		j.broken(err)
		return err
	}
	return j.lock()
}

// openOrMake opens the file. A link, a folder, or what can't be written to, is
// set aside first: the backup has no links, and a name is needed.
func (j *journal) openOrMake() (*os.File, error) {
	file, err := openFile(j.path)
	if err == nil {
		return file, nil
	}
	found, err2 := os.Lstat(j.path)
	if err2 != nil || found.Mode().IsRegular() && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	aside, err := j.asideName(time.Now())
	if err != nil {
		return nil, err
	}
	if err := os.Rename(j.path, aside); err != nil {
		return nil, err
	}
	return openFile(j.path)
}

func openFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW, 0o640)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(path + " is not a file")
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// displaced says what is wrong with what has the file's name.
func (j *journal) displaced() error {
	found, err := os.Lstat(j.path)
	if err != nil {
		return err
	}
	if !os.SameFile(found, j.life.info) {
		return fmt.Errorf("%s is another file", j.path)
	}
	if found.Size() != j.size && !(j.torn && found.Size() > j.size) {
		return fmt.Errorf("%s has %d bytes, and %d were written", j.path, found.Size(), j.size)
	}
	return nil
}

// mend makes the file anew where it is not there, or not as it was written.
func (j *journal) mend() error {
	why := j.displaced()
	if why == nil {
		j.said = ""
		return nil
	}
	err := j.anew()
	if said := fmt.Sprint(why, err); said != j.said && j.noticed != nil { // not for each request
		j.said = said
		j.noticed(why, err)
	}
	return err
}

func (j *journal) anew() error {
	if err := j.enter(); err != nil {
		return err
	}
	before, was := j.file, j.life
	if found, err := os.Lstat(j.path); err == nil && os.SameFile(found, was.info) {
		// Who reads it may be past what was cut off: what comes now has to be in another file.
		if err := j.giveAway(); err != nil {
			return err
		}
	}
	if err := j.open(); err != nil {
		return err
	}
	was.lost = true
	j.remember(was)
	_ = before.Close() // what it would say is of what is gone
	return nil
}

// giveAway sets the file aside as somebody has left it.
func (j *journal) giveAway() error {
	if _, err := cutToLines(j.file); err != nil {
		return err
	}
	aside, err := j.asideName(time.Now())
	if err != nil {
		return err
	}
	return os.Rename(j.path, aside)
}

// look is for a journal to which nobody writes.
func (j *journal) look() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure() == nil && j.whole() == nil {
		_ = j.mend() // noticed has been told
	}
}
