// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

const noLinkNoPipe = 0

// isMine returns true: the folder is checked, and in it files belong to its owner.
func isMine(fs.FileInfo) bool { return true }

// isRoots returns true: who may make a folder in another is Windows's to say. A program
// that runs as another user has that user's folders.
func isRoots(fs.FileInfo) bool { return true }

// changedAt returns the time of the last write or rename: rename sets it.
func changedAt(info fs.FileInfo) time.Time { return info.ModTime() }

var thisUser = sync.OnceValues(func() (*windows.Tokenuser, error) {
	return windows.GetCurrentProcessToken().GetTokenUser()
})

// checkOwner returns an error for another user's folder. What an administrator makes with
// raised rights may belong to the administrators. The folder needs no closing to others:
// it inherits the access list of the user's profile.
func checkOwner(root *os.Root, _ fs.FileInfo) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	descriptor, err := windows.GetSecurityInfo(windows.Handle(dir.Fd()), windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	of, _, err := descriptor.Owner()
	if err != nil {
		return err
	}
	user, err := thisUser()
	if err != nil {
		return err
	}
	if of == nil || !of.Equals(user.User.Sid) && !of.IsWellKnown(windows.WinBuiltinAdministratorsSid) && !of.IsWellKnown(windows.WinLocalSystemSid) {
		return errOtherUser
	}
	return nil
}

// rename renames a file, as on Linux: it replaces a file of the new name.
func rename(root *os.Root, from, to string) error {
	return change(root, from, func(dir, file windows.Handle) error {
		var now windows.Filetime
		windows.GetSystemTimeAsFileTime(&now)
		if err := windows.SetFileTime(file, nil, nil, &now); err != nil {
			return err
		}
		name := utf16.Encode([]rune(to))
		info := struct {
			flags  uint32
			dir    windows.Handle
			length uint32 // in bytes
			name   [256]uint16
		}{windows.FILE_RENAME_REPLACE_IF_EXISTS | windows.FILE_RENAME_POSIX_SEMANTICS, dir, uint32(2 * len(name)), [256]uint16{}}
		if copy(info.name[:], name) < len(name) {
			return windows.ERROR_FILENAME_EXCED_RANGE
		}
		if setInformation(file, (*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info), fileRenameInformationEx) == nil {
			return nil
		}
		info.flags = windows.FILE_RENAME_REPLACE_IF_EXISTS // as other file systems than NTFS have it
		return setInformation(file, (*byte)(unsafe.Pointer(&info)), unsafe.Sizeof(info), windows.FileRenameInformation)
	})
}

// remove removes a file. Its name is free at once, if the file system can do that.
func remove(root *os.Root, name string) error {
	return change(root, name, func(_, file windows.Handle) error {
		flags := uint32(windows.FILE_DISPOSITION_DELETE | windows.FILE_DISPOSITION_POSIX_SEMANTICS)
		if setInformation(file, (*byte)(unsafe.Pointer(&flags)), unsafe.Sizeof(flags), windows.FileDispositionInformationEx) == nil {
			return nil
		}
		yes := byte(1)
		return setInformation(file, &yes, 1, windows.FileDispositionInformation)
	})
}

const fileRenameInformationEx = 65

func setInformation(file windows.Handle, info *byte, size uintptr, class uint32) error {
	return windows.NtSetInformationFile(file, &windows.IO_STATUS_BLOCK{}, info, uint32(size), class)
}

// change opens a file of the folder, and changes its name. Windows renames and removes
// what is open, whatever its name is by then. Of several processes that change one file
// only one may succeed, so the file is open for one at a time; others may read it. A
// program that looks at each new file, such as a virus scanner, holds it for a moment:
// change tries again for 0.1 s.
func change(root *os.Root, name string, how func(dir, file windows.Handle) error) (err error) {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	for wait := time.Millisecond; ; wait *= 2 {
		err = changeOnce(windows.Handle(dir.Fd()), name, how)
		busy := errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
		if !busy || wait > 64*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}

func changeOnce(dir windows.Handle, name string, how func(dir, file windows.Handle) error) error {
	text, err := windows.NewNTUnicodeString(name)
	if err != nil {
		return err
	}
	object := windows.OBJECT_ATTRIBUTES{RootDirectory: dir, ObjectName: text}
	object.Length = uint32(unsafe.Sizeof(object))
	var file windows.Handle
	err = windows.NtCreateFile(&file, windows.DELETE|windows.FILE_WRITE_ATTRIBUTES|windows.SYNCHRONIZE, &object, &windows.IO_STATUS_BLOCK{},
		nil, 0, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, windows.FILE_OPEN,
		windows.FILE_NON_DIRECTORY_FILE|windows.FILE_SYNCHRONOUS_IO_NONALERT|windows.FILE_OPEN_REPARSE_POINT, 0, 0)
	if err == nil {
		err = how(dir, file)
		_ = windows.CloseHandle(file)
	}
	var status windows.NTStatus
	if errors.As(err, &status) {
		return status.Errno()
	}
	return err
}
