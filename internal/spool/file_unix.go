// SPDX-License-Identifier: MIT

//go:build unix

package spool

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// noLinkNoPipe are flags for os.OpenFile: it does not follow a link, and does not block
// on a pipe.
const noLinkNoPipe = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

func isMine(info fs.FileInfo) bool { return isOf(info, os.Geteuid()) }

func isRoots(info fs.FileInfo) bool { return isOf(info, 0) }

// isOf reports whether a file belongs to a user.
func isOf(info fs.FileInfo, user int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == user
}

// changedAt returns the later of a file's two times: a rename changes ctime only, a
// write changes both.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if changed := ctime(stat); changed.After(info.ModTime()) {
			return changed
		}
	}
	return info.ModTime()
}

// checkOwner returns an error for another user's folder. It closes the user's own
// folder to others.
func checkOwner(root *os.Root, info fs.FileInfo) error {
	if !isMine(info) {
		return errOtherUser
	}
	if info.Mode().Perm() != 0o700 {
		return root.Chmod(".", 0o700)
	}
	return nil
}

func rename(root *os.Root, from, to string) error { return root.Rename(from, to) }

func remove(root *os.Root, name string) error { return root.Remove(name) }
