// SPDX-License-Identifier: MIT

//go:build runspan_testhooks

package main

// testHook panics for a text that no host but a test passes, so that a test
// can see what becomes of a panic in an export.
func testHook(text string) {
	if text == "runspan.test.panic" {
		panic(text)
	}
}
