// SPDX-License-Identifier: MIT

package spool

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt is as on Linux: the later of a file's two times. A rename changes ctime only, a
// write changes both.
func changedAt(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if changed := time.Unix(stat.Ctimespec.Unix()); changed.After(info.ModTime()) {
			return changed
		}
	}
	return info.ModTime()
}
