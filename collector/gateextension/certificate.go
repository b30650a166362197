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
	kept []byte // what the file has
	said string // the last error that was logged
	stop chan struct{}
	ends sync.WaitGroup
}

// Start writes the file, and goes on if an earlier process has left a good one.
func (c *certificate) Start(context.Context, component.Host) error {
	if c.PairFile == "" {
		return nil
	}
	if err := c.keep(); err != nil {
		pair, err2 := os.ReadFile(c.PairFile)
		if err2 == nil {
			_, err2 = tls.X509KeyPair(pair, pair)
		}
		if err2 != nil {
			return err
		}
		c.kept = pair
		c.say(err)
	}
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

// keep replaces the file if there is a new pair, and returns an error if the two files do
// not belong together.
func (c *certificate) keep() error {
	cert, err := os.ReadFile(c.CertFile)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return err
	}
	pair := bytes.Join([][]byte{cert, key}, []byte("\n"))
	if bytes.Equal(pair, c.kept) {
		return nil
	}
	if _, err := tls.X509KeyPair(pair, pair); err != nil {
		return fmt.Errorf("%s and %s: %w", c.CertFile, c.KeyFile, err)
	}
	if err := replace(c.PairFile, pair); err != nil {
		return err
	}
	c.kept = pair
	return nil
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
