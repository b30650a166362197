// SPDX-License-Identifier: MIT

package gateextension

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// look is how often the files are read again.
const look = time.Second

// certificate keeps the last pair of a certificate and a key that belong together, both in
// one file, which the receiver reads. A renewal replaces two files, one after the other. If
// the receiver reads them in between, it refuses every handshake until they match.
type certificate struct {
	CertificateConfig
	log  *zap.Logger
	kept []byte // the last pair, which the file has
	said string // the last error that was logged
	stop chan struct{}
	ends sync.WaitGroup
}

// Start writes the file, and goes on if an earlier process has left a good one.
func (c *certificate) Start(context.Context, component.Host) error {
	if c.PairFile == "" {
		return nil
	}
	if pair, err := os.ReadFile(c.PairFile); err == nil && good(pair) == nil {
		c.kept = pair
	}
	err := c.keep()
	if c.kept == nil {
		return err
	}
	c.say(err)
	c.stop = make(chan struct{})
	c.ends.Go(func() {
		every := time.NewTicker(look)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				c.say(c.keep())
			case <-c.stop:
				return
			}
		}
	})
	return nil
}

// Shutdown ends the goroutine of Start.
func (c *certificate) Shutdown(context.Context) error {
	if c.stop != nil {
		close(c.stop)
		c.ends.Wait()
		c.stop = nil
	}
	return nil
}

// say logs an error once, not each second.
func (c *certificate) say(err error) {
	said := ""
	if err != nil {
		said = err.Error()
	}
	if said != "" && said != c.said {
		c.log.Error("the certificate before is used", zap.Error(err))
	}
	c.said = said
}

// keep replaces the file if there is a new pair, or if somebody has damaged or removed it.
// It returns an error if the two files do not belong together.
func (c *certificate) keep() error {
	pair, err := c.read()
	if err != nil {
		pair = c.kept
	}
	if pair == nil {
		return err
	}
	there, lost := os.ReadFile(c.PairFile)
	if lost == nil && bytes.Equal(pair, c.kept) && (bytes.Equal(there, pair) || good(there) == nil) {
		return err
	}
	if failed := replace(c.PairFile, pair); failed != nil {
		return errors.Join(err, failed)
	}
	c.kept = pair
	return err
}

// read returns the two files as one.
func (c *certificate) read() ([]byte, error) {
	cert, err := os.ReadFile(c.CertFile)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, err
	}
	pair := bytes.Join([][]byte{cert, key}, []byte("\n"))
	if bytes.Equal(pair, c.kept) {
		return pair, nil
	}
	if err := good(pair); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", c.CertFile, c.KeyFile, err)
	}
	return pair, nil
}

// good returns an error if a certificate and a key, one behind the other, do not belong together.
func good(pair []byte) error {
	_, err := tls.X509KeyPair(pair, pair)
	return err
}

// replace replaces a file, which only its owner can read, so that a reader never sees a half
// of it.
func replace(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".pair-") // with the mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
