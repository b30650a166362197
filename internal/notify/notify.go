// SPDX-License-Identifier: MIT

// Package notify wakes a goroutine by a channel of capacity one.
package notify

// Send sends a value, and does not block. If the channel has a value already, the
// receiver has not woken up yet, and will see this change too.
func Send(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
