// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxNames is how many names of a folder are looked at: more than the 100,000
// files that a schema may allow. What is beyond a later run sees.
const maxNames = 1 << 17

var (
	errNoFolder   = errors.New("it is no folder")
	errOtherPlace = errors.New("the host is in another place: its paths lead elsewhere")
)

// folder is a service's folder. It is opened anew for each use, because it may
// be removed at any time, and closed at once: the host's descriptors are few.
type folder struct {
	path string
	top  fs.FileInfo // what "/" has to be; nil: whatever it is
}

// folderHere is the folder at a path, as that leads there now, and not after a
// chroot.
func folderHere(path string) *folder {
	top, _ := os.Stat("/")
	return &folder{path, top}
}

// open returns the folder, which must be the user's own, and closed to others.
// Neither it nor the one above it, runspan's, may be a link: where they are in a
// place that is shared, a link of somebody else's could lead anywhere.
func (d *folder) open() (*os.Root, error) {
	if top, err := os.Stat("/"); d.top != nil && (err != nil || !os.SameFile(top, d.top)) {
		return nil, errOtherPlace
	}
	above, _, err := openNoLink(os.Lstat, os.OpenRoot, filepath.Dir(d.path))
	if err != nil {
		return nil, err
	}
	defer above.Close()
	root, info, err := openNoLink(above.Lstat, above.OpenRoot, filepath.Base(d.path))
	if err != nil {
		return nil, err
	}
	if err := checkOwner(root, info); err != nil {
		root.Close()
		return nil, err
	}
	return root, nil
}

// openNoLink opens a folder. What is opened has to be what lstat has seen there:
// somebody could have put a link in its place since.
func openNoLink(lstat func(string) (fs.FileInfo, error), open func(string) (*os.Root, error), path string) (*os.Root, fs.FileInfo, error) {
	seen, err := lstat(path)
	if err != nil {
		return nil, nil, err
	}
	if !seen.IsDir() {
		return nil, nil, errNoFolder
	}
	root, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := root.Stat(".")
	if err == nil && !os.SameFile(info, seen) {
		err = errNoFolder
	}
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return root, info, nil
}

// checkOwner returns an error for another user's folder. The user's own it closes to
// others.
func checkOwner(root *os.Root, info fs.FileInfo) error {
	if !isMine(info) {
		return errors.New("the folder is another user's")
	}
	if info.Mode().Perm() != 0o700 {
		return root.Chmod(".", 0o700)
	}
	return nil
}

func isMine(info fs.FileInfo) bool { return isOf(info, os.Geteuid()) }

// openOrMake also makes the folder, and those above it that XDG names.
func (d *folder) openOrMake() (*os.Root, error) {
	root, err := d.open()
	if errors.Is(err, fs.ErrNotExist) {
		if err := MakeFolder(d.path); err != nil {
			return nil, err
		}
		root, err = d.open()
	}
	return root, err
}

// MakeFolder makes the folder at an absolute path, and those above it, below one
// that is the user's, or root's, as /tmp is. Not below another user's: where sudo
// keeps HOME, root's folders there would be closed to that home's owner, and to
// the owner's other programs. Those that it makes their owner can use, whatever
// the umask is.
func MakeFolder(path string) error {
	above := path
	root, err := os.OpenRoot(above)
	for errors.Is(err, fs.ErrNotExist) && above != filepath.Dir(above) {
		above = filepath.Dir(above)
		root, err = os.OpenRoot(above)
	}
	if err != nil {
		return err
	}
	defer func() { root.Close() }()
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	if !isMine(info) && !isOf(info, 0) {
		return fmt.Errorf("%s is another user's", above)
	}
	below, err := filepath.Rel(above, path)
	if err != nil || below == "." {
		return err
	}
	for name := range strings.SplitSeq(below, string(filepath.Separator)) {
		if err := makeFolderIn(root, name); err != nil {
			return err
		}
		next, err := root.OpenRoot(name)
		if err != nil {
			return err
		}
		root.Close()
		root = next
	}
	return nil
}

// makeFolderIn makes a folder in another, if there is none. Some programs run with a
// umask that is meant for files, 0177, or forbids all: in a folder with such a
// mode nobody can do anything, and others have more in ~/.local than we.
func makeFolderIn(root *os.Root, name string) error {
	err := root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil // somebody else's to care for
	}
	if err != nil {
		return err
	}
	info, err := root.Lstat(name)
	if err == nil && info.Mode()&0o700 != 0o700 {
		err = root.Chmod(name, info.Mode()|0o700)
	}
	if err != nil {
		_ = root.Remove(name)
	}
	return err
}

// with opens the folder for one use.
func (d *folder) with(use func(*os.Root) error) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	return use(root)
}

// write makes the file, or replaces it, with all of content or not at all.
func (d *folder) write(f file, content []byte) error {
	return d.writeWith(f, content, nil)
}

// writeShared does so with a standby's file, and returns it as memory.
func (d *folder) writeShared(f file, content []byte) (memory []byte, err error) {
	err = d.writeWith(f, content, func(out *os.File) { memory = share(out, len(content)) })
	return memory, err
}

func (d *folder) writeWith(f file, content []byte, beforeClose func(*os.File)) error {
	root, err := d.openOrMake()
	if err != nil {
		return err
	}
	defer root.Close()
	return replace(root, f.String(), f.by, content, beforeClose)
}

// replace writes a file beside and renames it in.
func replace(root *os.Root, name string, by owner, content []byte, beforeClose func(*os.File)) error {
	beside := file{id: newID(), state: part, by: by}.String()
	err := writeNew(root, beside, content, beforeClose)
	if err == nil {
		err = root.Rename(beside, name)
	}
	if err != nil {
		_ = root.Remove(beside) // nothing more can be done
	}
	return err
}

// writeNew makes a file, which the user can read, whatever the umask is. beforeClose is
// for its descriptor; it may be nil.
func writeNew(root *os.Root, name string, content []byte, beforeClose func(*os.File)) error {
	out, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	info, err := out.Stat()
	if err == nil && info.Mode()&0o600 != 0o600 {
		err = out.Chmod(info.Mode() | 0o600)
	}
	if err == nil {
		_, err = out.Write(content)
	}
	if err == nil && beforeClose != nil {
		beforeClose(out)
	}
	return errors.Join(err, out.Close()) // NFS and quotas say no at close
}

// read returns a regular file's content.
func (d *folder) read(name string, limit int) (content []byte, err error) {
	err = d.with(func(root *os.Root) error {
		content, err = readRegular(root, name, limit)
		return err
	})
	return content, err
}

func readRegular(root *os.Root, name string, limit int) ([]byte, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || !isMine(info) || info.Size() > int64(limit) { // a pipe would wait for ever
		return nil, errFrame
	}
	in, err := root.OpenFile(name, os.O_RDONLY|neitherLinkNorPipe, 0)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, int64(limit)))
}

// rename says whether it was done: of several processes that rename a file at
// once, one does it.
func (d *folder) rename(from, to file) bool {
	return d.with(func(root *os.Root) error { return root.Rename(from.String(), to.String()) }) == nil
}

// remove removes a file. Where that fails it is gone, or can't be helped.
func (d *folder) remove(name string) {
	_ = d.with(func(root *os.Root) error { return root.Remove(name) })
}

// listed is a file as it was listed.
type listed struct {
	file
	size  int64
	touch time.Time // when it was last written or renamed, by the file server's clock
}

// list returns the spool's files, oldest first. Of those that are free it removes
// the oldest, as it comes to them, until so many are left: where there are very
// many a process does not live to see them all.
func (d *folder) list(keep int) (files []listed, removed int, err error) {
	err = d.with(func(root *os.Root) error {
		dir, err := root.Open(".")
		if err != nil {
			return err
		}
		defer dir.Close()
		names, err := dir.Readdirnames(maxNames)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var all []file
		n := 0 // that are free
		for _, name := range names {
			if f, ok := parseFile(name); ok {
				all = append(all, f)
				if f.state == free {
					n++
				}
			}
		}
		slices.SortFunc(all, func(a, b file) int { return strings.Compare(a.id, b.id) })
		for _, f := range all {
			info, err := root.Lstat(f.String())
			if err != nil || !info.Mode().IsRegular() || !isMine(info) {
				continue // gone since, or none of ours
			}
			if f.state == free && n > keep {
				n--
				if root.Remove(f.String()) == nil {
					removed++
				}
				continue
			}
			files = append(files, listed{f, info.Size(), touched(info)})
		}
		return nil
	})
	return files, removed, err
}

// clock returns the file server's time.
func (d *folder) clock() (now time.Time, err error) {
	err = d.with(func(root *os.Root) error {
		name := file{id: newID(), state: part, by: thisProcess()}.String()
		if err := writeNew(root, name, nil, nil); err != nil {
			return err
		}
		defer func() { _ = root.Remove(name) }()
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		now = touched(info)
		return nil
	})
	return now, err
}
