// SPDX-License-Identifier: MIT

package spool

import (
	"io/fs"
	"syscall"
	"time"
)

// neitherLinkNorPipe is for os.OpenFile: a link is not followed, and a pipe is not
// waited for.
const neitherLinkNorPipe = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// isOf says whether a file is a user's.
func isOf(info fs.FileInfo, user int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == user
}

// touched is the later of a file's two times: a rename changes one of them, a
// write both.
func touched(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if changed := time.Unix(stat.Ctim.Unix()); changed.After(info.ModTime()) {
			return changed
		}
	}
	return info.ModTime()
}
