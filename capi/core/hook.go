// SPDX-License-Identifier: MIT

//go:build !runspan_testhooks

package main

// testHook is for the build that tests the border: it does nothing here.
func testHook(string) {}
