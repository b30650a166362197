// SPDX-License-Identifier: MIT

package allowlistprocessor

import (
	"errors"
	"time"
)

// Config is the processor's part of the collector's configuration.
type Config struct {
	// Schemas are files, and folders of files, with the schemas of the services.
	// They are read when the collector starts.
	Schemas []string `mapstructure:"schemas"`
	// Ahead is how far in the future a span may lie: a client's clock may be wrong.
	Ahead time.Duration `mapstructure:"ahead"`
}

// Validate says what is wrong with a configuration.
func (c *Config) Validate() error {
	if len(c.Schemas) == 0 {
		return errors.New("schemas: name a file or a folder")
	}
	if c.Ahead < 0 {
		return errors.New("ahead: less than nothing")
	}
	return nil
}
