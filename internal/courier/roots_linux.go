// SPDX-License-Identifier: MIT

package courier

// The certificates of Linux systems, from crypto/x509. systemRoots uses the first file
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
