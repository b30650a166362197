// SPDX-License-Identifier: MIT

//go:build runspan_testhooks

package contract

// TestHook panics for a text that only a test passes, so that the test can check that a
// panic in an export does not reach the host.
func TestHook(text string) {
	if text == "runspan.test.panic" {
		panic(text)
	}
}
