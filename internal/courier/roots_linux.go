// SPDX-License-Identifier: MIT

package courier

import (
	"crypto/x509"

	// Not the package fallback, whose init parses all certificates: that is a third of
	// the time that the core takes to load.
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The certificates of Linux systems, from crypto/x509. readRoots uses the first file
// that has certificates, or else the folders.
var (
	systemFiles = []string{
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	}
	systemFolders = []string{"/etc/ssl/certs", "/etc/pki/tls/certs"}
)

func systemRoots() *x509.CertPool { return readRoots(systemFiles, systemFolders) }

// readRoots reads the system's certificates; if there are none, as in small images, it
// returns linkedRoots. It does not use crypto/x509, for two reasons. crypto/x509 reads
// the variables as they were when the library was loaded. And it reads the folders too,
// which have each certificate of the bundle once more; that takes as long as the rest of
// a short run.
func readRoots(files, folders []string) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, file := range files {
		if addFile(pool, file) {
			return pool
		}
	}
	if !addAll(pool, folders) {
		return linkedRoots()
	}
	return pool
}

// linkedRoots returns Mozilla's certificates, which are part of this library.
func linkedRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // crypto/x509 would not trust it either
		case root.Constraint != nil:
			pool.AddCertWithConstraint(certificate, root.Constraint)
		default:
			pool.AddCert(certificate)
		}
	}
	return pool
}
