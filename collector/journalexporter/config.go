// SPDX-License-Identifier: MIT

package journalexporter

import (
	"errors"
	"time"
)

// Config is the exporter's part of the collector's configuration.
type Config struct {
	// Path is the path of the file. Its folder must exist.
	Path string `mapstructure:"path"`
	// MaxMegabytes and MaxAge are the size and the age at which the file is set aside.
	MaxMegabytes int64         `mapstructure:"max_megabytes"`
	MaxAge       time.Duration `mapstructure:"max_age"`
	// Sync says that a line must be on the disk before it is acknowledged. Without
	// it, a power cut may lose the lines of the last seconds; a kill loses none.
	Sync bool `mapstructure:"sync"`
}

// Validate returns an error if the configuration is not valid.
func (c *Config) Validate() error {
	if c.Path == "" || c.MaxMegabytes <= 0 || c.MaxAge <= 0 {
		return errors.New("path, max_megabytes and max_age are required")
	}
	return nil
}
