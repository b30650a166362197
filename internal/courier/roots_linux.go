// SPDX-License-Identifier: MIT

package courier

// Where Linux systems keep their certificates, as crypto/x509 knows it. The first
// of the files that has any counts; the folders do where none has.
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
