// SPDX-License-Identifier: MIT

package spool

import (
	"io/fs"
	"syscall"
	"time"
)

// noLinkNoPipe are flags for os.OpenFile: it does not follow a link, and does not block
// on a pipe.
const noLinkNoPipe = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// isOf reports whether a file belongs to a user.
func isOf(info fs.FileInfo, user int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == user
}

// changedAt returns the later of a file's two times: a rename changes ctime only, a
// write changes both.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if changed := time.Unix(stat.Ctim.Unix()); changed.After(info.ModTime()) {
			return changed
		}
	}
	return info.ModTime()
}
