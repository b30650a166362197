// SPDX-License-Identifier: MIT

// Package notify tells a goroutine that there is something for it to look at.
package notify

// Send puts a note into a channel of capacity one. It does not wait: where a note is
// there already, the receiver has not looked yet, and will see this news as well.
func Send(channel chan<- struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
