// SPDX-License-Identifier: MIT

//go:build !linux

package courier

// Where another system keeps its certificates is not known here: those that are
// linked in count.
var systemFiles, systemFolders []string
