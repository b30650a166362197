// SPDX-License-Identifier: MIT

//go:build !linux

package spool

import (
	"io/fs"
	"time"
)

const noLinkNoPipe = 0

// isOf returns false, because the owner of a file is not known here. So the spool uses no
// folder, and keeps all batches in memory.
func isOf(fs.FileInfo, int) bool { return false }

func changedAt(info fs.FileInfo) time.Time { return info.ModTime() }
