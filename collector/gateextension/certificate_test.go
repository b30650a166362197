// SPDX-License-Identifier: MIT

package gateextension

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func newPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	form := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}

// At every moment of a renewal, and after a restart at that moment, the file has a pair that
// belongs together.
func TestLastGoodPair(t *testing.T) {
	dir := t.TempDir()
	config := CertificateConfig{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "tls", "pair.pem")}
	put := func(path string, content []byte) { require.NoError(t, os.WriteFile(path, content, 0o600)) }
	anew := func() (*certificate, *observer.ObservedLogs) {
		core, logs := observer.New(zapcore.ErrorLevel)
		c := &certificate{CertificateConfig: config, log: zap.New(core)}
		t.Cleanup(func() { require.NoError(t, c.Shutdown(context.Background())) })
		return c, logs
	}
	shows := func(cert, key []byte) {
		t.Helper()
		want, err := tls.X509KeyPair(cert, key)
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			got, err := tls.LoadX509KeyPair(config.PairFile, config.PairFile)
			require.NoError(t, err)
			return string(got.Certificate[0]) == string(want.Certificate[0])
		}, 5*time.Second, 10*time.Millisecond)
	}
	cert1, key1 := newPair(t)
	cert2, key2 := newPair(t)
	for name, half := range map[string]func(){
		"only the certificate is new": func() { put(config.CertFile, cert2) },
		"only the key is new":         func() { put(config.KeyFile, key2) },
		"half a certificate":          func() { put(config.CertFile, cert2[:50]) },
		"an empty key":                func() { put(config.KeyFile, nil) },
		"no certificate":              func() { require.NoError(t, os.Remove(config.CertFile)) },
		"no key":                      func() { require.NoError(t, os.Remove(config.KeyFile)) },
		"only the certificate is new, and somebody has removed the last pair": func() {
			put(config.CertFile, cert2)
			require.NoError(t, os.Remove(config.PairFile))
		},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(filepath.Dir(config.PairFile)))
			put(config.CertFile, cert1)
			put(config.KeyFile, key1)
			c, logs := anew()
			require.NoError(t, c.Start(context.Background(), nil))
			shows(cert1, key1)
			half()
			require.Eventually(t, func() bool { return logs.Len() > 0 }, 5*time.Second, 10*time.Millisecond)
			time.Sleep(look + look/2)
			require.Equal(t, 1, logs.Len()) // it is said once
			shows(cert1, key1)
			restarted, _ := anew()
			require.NoError(t, restarted.Start(context.Background(), nil))
			shows(cert1, key1)
			put(config.CertFile, cert2)
			put(config.KeyFile, key2)
			shows(cert2, key2)
			status, err := os.Stat(config.PairFile)
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), status.Mode())
		})
	}
}

// Without any good pair the collector does not start, and says why.
func TestNoGoodPair(t *testing.T) {
	dir := t.TempDir()
	config := CertificateConfig{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "pair.pem")}
	cert, _ := newPair(t)
	_, key := newPair(t)
	require.NoError(t, os.WriteFile(config.CertFile, cert, 0o600))
	require.NoError(t, os.WriteFile(config.KeyFile, key, 0o600))
	err := (&certificate{CertificateConfig: config, log: zap.NewNop()}).Start(context.Background(), nil)
	require.ErrorContains(t, err, "tls.key")
	require.NoFileExists(t, config.PairFile)
}
