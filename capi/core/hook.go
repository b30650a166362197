// SPDX-License-Identifier: MIT

//go:build !runspan_testhooks

package main

// testHook does nothing. The build for tests has another one.
func testHook(string) {}
