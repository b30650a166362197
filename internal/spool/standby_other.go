// SPDX-License-Identifier: MIT

//go:build !linux

package spool

import "os"

// share maps nothing: the core is in a process of its own here, which can replace and
// remove its files as long as it runs. A standby in a folder that somebody moves away
// stays as it is.
func share(*os.File, int) []byte { return nil }

func unshare([]byte) {}

func changeShared([]byte, func([]byte)) bool { return false }
