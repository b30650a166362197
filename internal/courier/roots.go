// SPDX-License-Identifier: MIT

package courier

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"

	// Not the package above it, which reads them all in its init: a third of the
	// time that it takes to load the core.
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// The largest file of certificates that is read. Mozilla's are 200 kB.
const largestFile = 32 << 20

// absolute has relative paths mean what they do now. They are read later, when
// the host may have gone to another folder.
func (n *Network) absolute() *Network {
	a := *n
	a.CertFile, a.RequestsBundle, a.CurlBundle = absolute(n.CertFile), absolute(n.RequestsBundle), absolute(n.CurlBundle)
	folders := strings.Split(n.CertDir, ":")
	for i, folder := range folders {
		folders[i] = absolute(folder)
	}
	a.CertDir = strings.Join(folders, ":")
	return &a
}

func absolute(path string) string {
	path = strings.TrimSpace(path)
	if whole, err := filepath.Abs(path); err == nil && path != "" {
		return whole
	}
	return path
}

// roots reads the certificates that the environment names: those of the first
// variable that gives any, so that one which is left over from something else
// does not keep reports from being delivered. Where none does, they are the
// system's. log is told of each that gives none.
func (n *Network) roots(log func(string)) *x509.CertPool {
	for _, source := range []struct {
		variables string
		paths     []string
	}{
		{"SSL_CERT_FILE or SSL_CERT_DIR", append([]string{n.CertFile}, strings.Split(n.CertDir, ":")...)},
		{"REQUESTS_CA_BUNDLE", []string{n.RequestsBundle}},
		{"CURL_CA_BUNDLE", []string{n.CurlBundle}},
	} {
		if strings.Join(source.paths, "") == "" {
			continue
		}
		pool := x509.NewCertPool()
		if addAll(pool, source.paths) {
			return pool
		}
		log("there is no certificate in " + source.variables + ": others are used")
	}
	return systemRoots(systemFiles, systemFolders)
}

// systemRoots reads the system's certificates without crypto/x509. That would
// look for them where the variables say, if they are from before this library
// was loaded; and it reads the folders too, with each of the bundle's
// certificates once more, which takes as long as all the rest of a short run.
// Where there are none, as in small images, they are those that are linked in.
func systemRoots(files, folders []string) *x509.CertPool {
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

// linkedRoots returns Mozilla's certificates, of when this library was built.
func linkedRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		switch {
		case err != nil: // one that this Go does not take is one that it does not trust
		case root.Constraint != nil:
			pool.AddCertWithConstraint(certificate, root.Constraint)
		default:
			pool.AddCert(certificate)
		}
	}
	return pool
}

// addAll adds the certificates of files, and of the files in folders, and says
// whether there are any.
func addAll(pool *x509.CertPool, paths []string) (found bool) {
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			found = addFile(pool, path) || found
			continue
		}
		for _, file := range filesIn(path) {
			found = addFile(pool, file) || found
		}
	}
	return found
}

// addFile reads regular files only: what comes from a pipe may be for the host,
// or never come.
func addFile(pool *x509.CertPool, path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largestFile {
		return false
	}
	content, err := os.ReadFile(path)
	return err == nil && pool.AppendCertsFromPEM(withoutMarks(content))
}

// withoutMarks removes byte order marks, which editors put at the beginning, and
// which files that were put together from such have in the middle: encoding/pem
// does not see the block that follows one. Of UTF-16 it leaves the ASCII.
func withoutMarks(content []byte) []byte {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		content = bytes.ReplaceAll(content[2:], []byte{0}, nil)
	}
	if mark := []byte("\xef\xbb\xbf"); bytes.Contains(content, mark) { // as in hardly any; to replace is to copy
		return bytes.ReplaceAll(content, mark, nil)
	}
	return content
}

// filesIn lists a folder of certificates, without the links by which OpenSSL
// finds them by hash: each would be read twice.
func filesIn(dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.Type()&os.ModeSymlink != 0 {
			if target, err := os.Readlink(path); err == nil && !strings.Contains(target, "/") {
				continue
			}
		}
		files = append(files, path)
	}
	return files
}
