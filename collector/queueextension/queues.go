// SPDX-License-Identifier: MIT

package queueextension

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

const (
	damaged   = ".damaged"
	temporary = "tempdb" // file_storage makes and removes these when it makes a queue smaller
)

// queues is the extension.
type queues struct {
	component.ShutdownFunc
	directory string
	log       *zap.Logger
}

// Start sets aside what is no queue that can be opened. The collector starts its extensions
// before its outputs. It starts, too, if that fails: the queue may be of an output that is
// switched off, and else its output says why it can't start.
func (q *queues) Start(ctx context.Context, _ component.Host) error {
	entries, err := os.ReadDir(q.directory)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		q.log.Error("the queues can't be checked", zap.Error(err))
	}
	for _, entry := range entries {
		path := filepath.Join(q.directory, entry.Name())
		if strings.HasSuffix(path, damaged) || strings.HasPrefix(entry.Name(), temporary) {
			continue
		}
		if why := check(ctx, path); why != nil {
			q.setAside(path, why)
		}
	}
	return nil
}

// setAside gives the file another name. Only the last damaged one of an output is kept, so
// that a disk that damages files again and again does not fill up.
func (q *queues) setAside(path string, why error) {
	aside := path + damaged
	said := "a queue is damaged and was set aside; its output does not get the reports in it"
	if err := errors.Join(os.RemoveAll(aside), os.Rename(path, aside)); err != nil {
		said, why = "a queue is damaged and can't be set aside", errors.Join(why, err)
	}
	q.log.Error(said, zap.String("queue", path), zap.String("aside", aside), zap.Error(why))
}
