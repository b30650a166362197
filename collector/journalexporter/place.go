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

// lock locks the folder of the path.
func (j *journal) lock() error {
	folder, err := os.Open(filepath.Dir(j.path))
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errors.Join(fmt.Errorf("%s is another collector's: %w", folder.Name(), err), folder.Close())
	}
	if j.folder != nil {
		_ = j.folder.Close() // an error does not matter: nothing was written
	}
	j.folder = folder
	return nil
}

// enter locks the folder again if another folder has taken its path. If that folder is on
// another volume, enter fails: the volume may not be encrypted, and only the start of the
// collector checks that.
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

// openOrMake opens or makes the file. If the path is a link, a folder, or a file that it
// can't write to, it sets that aside first, because the name is needed, and the backup
// stores no links.
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

// displaced returns an error if the file with the path is not the file as it was written.
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

// mend makes a new file if the file is missing, or is not as it was written.
func (j *journal) mend() error {
	why := j.displaced()
	if why == nil {
		j.said = ""
		return nil
	}
	err := j.anew()
	if said := fmt.Sprint(why, err); said != j.said && j.noticed != nil { // call it once, not for each request
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
		// The file was truncated. A reader may be beyond its new end, so the next lines must
		// go into another file.
		if err := j.giveAway(); err != nil {
			return err
		}
	}
	if err := j.open(); err != nil {
		return err
	}
	was.lost = true
	j.remember(was)
	_ = before.Close() // an error does not matter: the file is gone
	return nil
}

// giveAway sets the file aside as it is, without a half line at its end.
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

// check checks the file when there are no requests.
func (j *journal) check() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failure() == nil && j.whole() == nil {
		_ = j.mend() // noticed logs the error
	}
}
