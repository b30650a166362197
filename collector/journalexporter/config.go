// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"time"
)

// Config is the exporter's part of the collector's configuration.
type Config struct {
	// Path of the file; its folder has to be there.
	Path string `mapstructure:"path"`
	// MaxMegabytes and MaxAge are when the file is set aside.
	MaxMegabytes int64         `mapstructure:"max_megabytes"`
	MaxAge       time.Duration `mapstructure:"max_age"`
	// Sync is whether a line has to be on the disk before it is acknowledged.
	// Without, a power cut may take back the last seconds; a kill takes nothing.
	Sync bool `mapstructure:"sync"`
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if c.Path == "" || c.MaxMegabytes <= 0 || c.MaxAge <= 0 {
		return errors.New("path, max_megabytes and max_age are needed")
	}
	return nil
}
