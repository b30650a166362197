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

// maxNames is how many names of a folder one scan reads: more than the 100,000 files
// that a schema may allow. A later run reads the rest.
const maxNames = 1 << 17

var (
	errNoFolder   = errors.New("it is not a folder")
	errOtherUser  = errors.New("the folder is another user's")
	errOtherPlace = errors.New("the host has another root folder: the path leads elsewhere")
)

// folder is a service's folder. Each use opens it anew, because anybody may remove it
// at any time, and closes it at once, because the host has few descriptors.
type folder struct {
	path string
	top  fs.FileInfo // the root folder that path starts from; nil: any
}

// folderHere returns the folder at a path. It can't be used after a chroot, where the
// path would lead elsewhere.
func folderHere(path string) *folder {
	top, _ := os.Stat("/")
	return &folder{path, top}
}

// open opens the folder. The folder must be the user's, and open closes it to others.
// Neither the folder nor its parent, runspan's folder, may be a link: in a shared
// place, another user's link could lead anywhere.
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

// openNoLink opens a folder. It compares the opened folder with the one that lstat has
// seen, because somebody could have put a link there in between.
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

// openOrMake opens the folder, and makes it and its parents if they are missing.
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

// MakeFolder makes the folder at an absolute path, and its missing parents. The first
// parent that exists must be the user's, or root's, as /tmp is. It must not be another
// user's: if sudo keeps HOME, root's folders there would lock out the home's owner
// and the owner's other programs. The owner can use the new folders whatever the
// umask is.
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
	if !isMine(info) && !isRoots(info) {
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
// umask for files, 0177, or one that forbids everything. A folder with such a mode
// would be unusable, and other programs have files in ~/.local too.
func makeFolderIn(root *os.Root, name string) error {
	err := root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil // another program has made it, with the mode that it wants
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

// with opens the folder, calls use, and closes the folder.
func (d *folder) with(use func(*os.Root) error) error {
	root, err := d.open()
	if err != nil {
		return err
	}
	defer root.Close()
	return use(root)
}

// write makes or replaces a file. After an error the file is as it was before.
func (d *folder) write(f file, content []byte) error {
	return d.writeWith(f, content, nil)
}

// writeShared is write for a standby's file. It returns the file as shared memory.
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

// replace writes a file under a temporary name, and renames it.
func replace(root *os.Root, name string, by owner, content []byte, beforeClose func(*os.File)) error {
	beside := file{id: newID(), state: part, by: by}.String()
	err := writeNew(root, beside, content, beforeClose)
	if err == nil {
		err = rename(root, beside, name)
	}
	if err != nil {
		_ = remove(root, beside) // an error here does not matter: ScanFolder removes it later
	}
	return err
}

// writeNew makes a file that the user can read, whatever the umask is. It calls
// beforeClose, if that is not nil, before it closes the file.
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
	return errors.Join(err, out.Close()) // on NFS, and with quotas, close can fail
}

// read returns the content of a regular file, up to limit bytes.
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
	if !info.Mode().IsRegular() || !isMine(info) || info.Size() > int64(limit) { // a pipe would block
		return nil, errFrame
	}
	in, err := root.OpenFile(name, os.O_RDONLY|noLinkNoPipe, 0)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, int64(limit)))
}

// rename reports whether it has renamed the file. If several processes rename a file
// at once, one of them succeeds.
func (d *folder) rename(from, to file) bool {
	return d.with(func(root *os.Root) error { return root.Rename(from.String(), to.String()) }) == nil
}

// remove removes a file. It ignores errors: the file is gone already, or the folder is
// out of reach.
func (d *folder) remove(name string) {
	_ = d.with(func(root *os.Root) error { return remove(root, name) })
}

// listed is a file in a list of the folder.
type listed struct {
	file
	size    int64
	changed time.Time // when it was last written or renamed, by the file server's clock
}

// list returns the spool's files, oldest first. It removes the oldest free files until
// at most maxFree are left. It does so during the scan, because with very many files a
// short process would end before the scan does.
func (d *folder) list(maxFree int) (files []listed, removed int, err error) {
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
		n := 0 // number of free files
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
				continue // it is gone, or another user's
			}
			if f.state == free && n > maxFree {
				n--
				if remove(root, f.String()) == nil {
					removed++
				}
				continue
			}
			files = append(files, listed{f, info.Size(), changedAt(info)})
		}
		return nil
	})
	return files, removed, err
}

// serverTime returns the time of the file server's clock.
func (d *folder) serverTime() (now time.Time, err error) {
	err = d.with(func(root *os.Root) error {
		name := file{id: newID(), state: part, by: thisProcess()}.String()
		if err := writeNew(root, name, nil, nil); err != nil {
			return err
		}
		defer func() { _ = remove(root, name) }()
		info, err := root.Lstat(name)
		if err != nil {
			return err
		}
		now = changedAt(info)
		return nil
	})
	return now, err
}
