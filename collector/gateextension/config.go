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
	// Certificate is the port's certificate; without it, the gate looks after none.
	Certificate CertificateConfig `mapstructure:"certificate"`
}

// CertificateConfig has the files of a certificate and its key, which somebody renews, and the
// file in which the gate keeps the last pair of them that belong together.
type CertificateConfig struct {
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	PairFile string `mapstructure:"pair_file"`
}

// Validate returns an error if the configuration is not valid.
func (c *Config) Validate() error {
	if c.PerMinute < 0 || c.PerMinute > 1<<31-1 || c.BodyBytes <= 0 || c.Messages <= 0 || c.MemoryMegabytes <= 0 || c.AtOnce <= 0 {
		return errors.New("per_minute, body_bytes, messages, memory_megabytes and at_once have to be positive")
	}
	if of := c.Certificate; of != (CertificateConfig{}) && (of.CertFile == "" || of.KeyFile == "" || of.PairFile == "") {
		return errors.New("certificate: cert_file, key_file and pair_file are needed together")
	}
	return nil
}
