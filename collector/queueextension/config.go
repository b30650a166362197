// SPDX-License-Identifier: MIT

package queueextension

import "errors"

// Config is the extension's part of the collector's configuration.
type Config struct {
	// Directory is the folder of file_storage. It may be missing.
	Directory string `mapstructure:"directory"`
}

// Validate returns an error if the configuration is not valid.
func (c *Config) Validate() error {
	if c.Directory == "" {
		return errors.New("directory: name the folder of file_storage")
	}
	return nil
}
