// SPDX-License-Identifier: MIT

package journalexporter

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"slices"
)

const (
	// remembered is how many files are, which is a week where one is begun each hour.
	remembered = 200
	// marked is how much of a file's first line its mark is made of.
	marked = 4096
)

// life is what has become of one file.
type life struct {
	info  os.FileInfo // which file it is
	path  string      // where it was last
	mark  string
	kept  uint64 // lines up to this one are on the disk
	bytes int64  // and this much of the file
	lost  bool   // it is gone, and no more will be kept
}

func newLife(file *os.File, path string, size int64) (*life, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	start := make([]byte, min(size, marked))
	if _, err := file.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	begun := &life{info: info, path: path, bytes: size}
	if size > 0 {
		begun.mark = mark(start)
	}
	return begun, nil
}

// mark names a file by its first line. An inode is given away again, and a name
// changes. The store has the same.
func mark(start []byte) string {
	line, _, _ := bytes.Cut(start[:min(len(start), marked)], []byte("\n"))
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:8])
}

// settled says whether it is known what became of a line, and errGone where it
// has to be written again.
func (l *life) settled(number uint64) (bool, error) {
	switch {
	case l.kept >= number:
		return true, nil
	case l.lost:
		return true, errGone
	}
	return false, nil
}

// has says whether so much of the file is there.
func (l *life) has(size int64) bool {
	found, err := os.Lstat(l.path)
	return err == nil && os.SameFile(found, l.info) && found.Size() >= size
}

func (j *journal) remember(was *life) {
	if was.bytes == 0 {
		return
	}
	if len(j.past) == remembered {
		j.past = slices.Delete(j.past, 0, 1)
	}
	j.past = append(j.past, was)
}

// gone is how much was acknowledged, by mark, in files that are not there any
// more: the store should have it.
func (j *journal) gone() map[string]int64 {
	j.mu.Lock()
	all := make([]life, 0, len(j.past)+1)
	for _, l := range append(slices.Clone(j.past), j.life) {
		all = append(all, *l)
	}
	j.mu.Unlock()
	found := make(map[string]int64)
	for _, l := range all {
		if l.bytes > 0 && (l.lost || !l.has(l.bytes)) { // of one that was lost the inode may be another's by now
			found[l.mark] = max(found[l.mark], l.bytes)
		}
	}
	return found
}
