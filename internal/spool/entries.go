// SPDX-License-Identifier: MIT

package spool

import (
	"errors"
	"os"
	"slices"
	"time"
)

// Entry is a batch or a standby in a service's folder.
type Entry struct {
	Made  time.Time
	Bytes int64
	Held  bool // its owner is alive, or may be: a run goes on, or a delivery does

	folder *folder
	name   string
}

// Request reads the request.
func (e Entry) Request() ([]byte, error) { return e.folder.request(e.name) }

// Entries returns the batches and standbys in a service's folder, oldest first. It
// changes nothing. If there is no folder, it returns nil.
func Entries(path string) []Entry {
	d := &folder{path: path}
	files, _, err := d.list(maxNames)
	if err != nil {
		return nil
	}
	var entries []Entry
	for _, f := range files {
		if f.state == part || f.state == bad {
			continue
		}
		gone, known := f.by.gone()
		held := f.state == held && !(known && gone)
		if held {
			if _, err := d.request(f.String()); errors.Is(err, errWithdrawn) {
				continue
			}
		}
		entries = append(entries, Entry{Made: f.made(), Bytes: f.size, Held: held, folder: d, name: f.String()})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return a.Made.Compare(b.Made) })
	return entries
}

// LastDelivered returns the batch of a service's folder that was delivered last, and
// the time of its delivery. ok is false if there is none.
func LastDelivered(path string) (request []byte, at time.Time, ok bool) {
	d := &folder{path: path}
	err := d.with(func(root *os.Root) error {
		info, err := root.Lstat(deliveredFile)
		if err == nil {
			at = changedAt(info)
		}
		return err
	})
	if err == nil {
		request, err = d.request(deliveredFile)
	}
	return request, at, err == nil
}

// ReadPause returns the pause of a service's folder, or the zero Pause.
func ReadPause(path string) Pause {
	p, _ := (&folder{path: path}).pauseAndLatency()
	return p
}

// request reads a file that frame has made, and returns its request.
func (d *folder) request(name string) ([]byte, error) {
	content, err := d.read(name, headerBytes+maxRequest)
	if err != nil {
		return nil, err
	}
	return unframe(content)
}
