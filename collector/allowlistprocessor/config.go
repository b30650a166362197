// SPDX-License-Identifier: MIT

package allowlistprocessor

import "errors"

// Config is the processor's part of the collector's configuration.
type Config struct {
	// Schemas are the files with the schemas of the services, or folders of such files.
	// The processor reads them when the collector starts.
	Schemas []string `mapstructure:"schemas"`
}

// Validate returns an error if the configuration is not valid.
func (c *Config) Validate() error {
	if len(c.Schemas) == 0 {
		return errors.New("schemas: name a file or a folder")
	}
	return nil
}
