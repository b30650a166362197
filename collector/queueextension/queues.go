// SPDX-License-Identifier: MIT

package queueextension

import (
	"context"
	"errors"
	"fmt"
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
// before its outputs.
func (q *queues) Start(ctx context.Context, _ component.Host) error {
	entries, err := os.ReadDir(q.directory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		path := filepath.Join(q.directory, entry.Name())
		if strings.HasSuffix(path, damaged) || strings.HasPrefix(entry.Name(), temporary) {
			continue
		}
		if why := check(ctx, path); why != nil {
			err = errors.Join(err, q.setAside(path, why))
		}
	}
	return err
}

// setAside gives the file another name. Only the last damaged one of an output is kept, so
// that a disk that damages files again and again does not fill up.
func (q *queues) setAside(path string, why error) error {
	aside := path + damaged
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("the queue %s is damaged (%w) and can't be set aside: %w", path, why, err)
	}
	q.log.Error("a queue is damaged and was set aside; its output does not get the reports in it",
		zap.String("queue", path), zap.String("aside", aside), zap.Error(why))
	return nil
}
