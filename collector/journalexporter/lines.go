// SPDX-License-Identifier: MIT

package journalexporter

import (
	"bytes"
	"io"
	"os"
)

// cutToLines cuts off a half line at the end, and returns the new size.
func cutToLines(file *os.File) (int64, error) {
	size, err := wholeLines(file)
	if err != nil {
		return 0, err
	}
	if info, err := file.Stat(); err != nil || info.Size() == size {
		return size, err
	}
	return size, file.Truncate(size)
}

// wholeLines returns the offset of the end of the last whole line.
func wholeLines(file *os.File) (int64, error) {
	end, err := file.Seek(0, io.SeekEnd)
	chunk := make([]byte, 64<<10)
	for end > 0 && err == nil {
		part := chunk[:min(end, int64(len(chunk)))]
		if _, err = file.ReadAt(part, end-int64(len(part))); err != nil {
			break
		}
		if last := bytes.LastIndexByte(part, '\n'); last >= 0 {
			return end - int64(len(part)) + int64(last) + 1, nil
		}
		end -= int64(len(part))
	}
	return 0, err
}
