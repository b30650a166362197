// SPDX-License-Identifier: MIT

//go:build !linux

package courier

// The places on other systems are not known. systemRoots returns linkedRoots there.
var systemFiles, systemFolders []string
