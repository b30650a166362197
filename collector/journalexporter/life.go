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
	// remembered is how many earlier files the journal remembers: a week of them, if
	// one is begun each hour.
	remembered = 200
	// marked is how many bytes of a file's first line are in its mark.
	marked = 4096
)

// life is the state of one file.
type life struct {
	info  os.FileInfo // identifies the file
	path  string      // its last known path
	mark  string
	kept  uint64 // the lines up to this number are on the disk
	bytes int64  // the bytes of the file that are on the disk
	lost  bool   // the file is gone, or was replaced
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

// mark identifies a file by a hash of its first line, because inodes are used again and
// names change. The store computes the same hash (follower.py).
func mark(start []byte) string {
	line, _, _ := bytes.Cut(start[:min(len(start), marked)], []byte("\n"))
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:8])
}

// settled reports whether the fate of a line is known. The error is errGone if the line
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

// has reports whether the file still exists with at least that size.
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

// gone returns, by mark, the acknowledged bytes of files that no longer exist. The store
// should have them.
func (j *journal) gone() map[string]int64 {
	j.mu.Lock()
	all := make([]life, 0, len(j.past)+1)
	for _, l := range append(slices.Clone(j.past), j.life) {
		all = append(all, *l)
	}
	j.mu.Unlock()
	found := make(map[string]int64)
	for _, l := range all {
		if l.bytes > 0 && (l.lost || !l.has(l.bytes)) { // if the file was lost, another file may have its inode
			found[l.mark] = max(found[l.mark], l.bytes)
		}
	}
	return found
}
