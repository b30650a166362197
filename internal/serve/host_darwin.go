// SPDX-License-Identifier: MIT

package serve

import (
	"errors"

	"golang.org/x/sys/unix"
)

// watch calls ended when the process has ended, until stop is called. The end of the
// stream does not say that if a child of the host's, which has not called exec, holds the
// socket as well.
func watch(pid int, ended func()) (stop func()) {
	queue, err := unix.Kqueue()
	if err != nil {
		return func() {}
	}
	unix.CloseOnExec(queue)
	var exit, wake unix.Kevent_t
	unix.SetKevent(&exit, pid, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT)
	exit.Fflags = unix.NOTE_EXIT
	unix.SetKevent(&wake, 1, unix.EVFILT_USER, unix.EV_ADD|unix.EV_ONESHOT)
	if _, err := unix.Kevent(queue, []unix.Kevent_t{wake}, nil, nil); err != nil {
		_ = unix.Close(queue)
		return func() {}
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if hasEnded(queue, exit) {
			ended()
		}
	}()
	return func() {
		wake.Flags, wake.Fflags = 0, unix.NOTE_TRIGGER
		_, _ = unix.Kevent(queue, []unix.Kevent_t{wake}, nil, nil)
		<-over
		_ = unix.Close(queue)
	}
}

// hasEnded waits for an event of the queue, and reports whether it is the end of the
// process.
func hasEnded(queue int, exit unix.Kevent_t) bool {
	events := make([]unix.Kevent_t, 1)
	n, err := unix.Kevent(queue, []unix.Kevent_t{exit}, events, nil)
	for errors.Is(err, unix.EINTR) { // the change has been made
		n, err = unix.Kevent(queue, nil, events, nil)
	}
	if err != nil || n != 1 || events[0].Filter != unix.EVFILT_PROC {
		return false
	}
	// An error of the change is an event, too: the process had ended before.
	return events[0].Flags&unix.EV_ERROR == 0 || events[0].Data == int64(unix.ESRCH)
}
