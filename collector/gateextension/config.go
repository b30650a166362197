// SPDX-License-Identifier: MIT

package gateextension

import "errors"

// Config is the extension's part of the collector's configuration.
type Config struct {
	// PerMinute is how many requests one client may make in a minute; 0: no limit.
	PerMinute int `mapstructure:"per_minute"`
	// BodyBytes is the largest size of a request's body, after unpacking.
	BodyBytes int64 `mapstructure:"body_bytes"`
	// Messages is how many protobuf messages and texts a request may have.
	Messages int `mapstructure:"messages"`
	// MemoryMegabytes is the memory of all requests that are being read, together.
	MemoryMegabytes int64 `mapstructure:"memory_megabytes"`
	// AtOnce is how many requests are decoded and written at the same time.
	AtOnce int `mapstructure:"at_once"`
}

// Validate returns an error if the configuration is not valid.
func (c *Config) Validate() error {
	if c.PerMinute < 0 || c.PerMinute > 1<<31-1 || c.BodyBytes <= 0 || c.Messages <= 0 || c.MemoryMegabytes <= 0 || c.AtOnce <= 0 {
		return errors.New("per_minute, body_bytes, messages, memory_megabytes and at_once have to be positive")
	}
	return nil
}
