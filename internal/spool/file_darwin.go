// SPDX-License-Identifier: MIT

package spool

import (
	"syscall"
	"time"
)

// ctime returns when the file or its name was changed last.
func ctime(stat *syscall.Stat_t) time.Time { return time.Unix(stat.Ctimespec.Unix()) }
