// SPDX-License-Identifier: MIT

package courier

import (
	"bytes"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
)

// largestFile is the largest file of certificates, in bytes. Mozilla's has 200 kB.
const largestFile = 32 << 20

// absolute returns n with absolute paths. The courier reads the files later, when the
// host may have another working directory.
func (n *Network) absolute() *Network {
	a := *n
	a.CertFile, a.RequestsBundle, a.CurlBundle = absolute(n.CertFile), absolute(n.RequestsBundle), absolute(n.CurlBundle)
	folders := filepath.SplitList(n.CertDir)
	for i, folder := range folders {
		folders[i] = absolute(folder)
	}
	a.CertDir = strings.Join(folders, string(filepath.ListSeparator))
	return &a
}

func absolute(path string) string {
	path = strings.TrimSpace(path)
	if latency, err := filepath.Abs(path); err == nil && path != "" {
		return latency
	}
	return path
}

// roots returns the certificates of the first variable that gives any, or else the
// system's. So a variable that is left over from another program does not stop the
// delivery. roots calls log for each variable that gives no certificate.
func (n *Network) roots(log func(string)) *x509.CertPool {
	for _, source := range []struct {
		variables string
		paths     []string
	}{
		{"SSL_CERT_FILE or SSL_CERT_DIR", append([]string{n.CertFile}, filepath.SplitList(n.CertDir)...)},
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
	return systemRoots()
}

// addAll adds the certificates of files, and of the files in folders. It reports whether
// there are any.
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

// addFile adds the certificates of a regular file. It does not read a pipe, which may be
// meant for the host, or may never have data.
func addFile(pool *x509.CertPool, path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > largestFile {
		return false
	}
	content, err := os.ReadFile(path)
	return err == nil && pool.AppendCertsFromPEM(withoutMarks(content))
}

// withoutMarks removes byte order marks, because encoding/pem overlooks a block after
// one. Editors write one at the beginning; concatenated files have them in the middle.
// Of UTF-16 it leaves the ASCII characters.
func withoutMarks(content []byte) []byte {
	if bytes.HasPrefix(content, []byte("\xff\xfe")) || bytes.HasPrefix(content, []byte("\xfe\xff")) {
		content = bytes.ReplaceAll(content[2:], []byte{0}, nil)
	}
	if mark := []byte("\xef\xbb\xbf"); bytes.Contains(content, mark) { // hardly any file has one, and ReplaceAll copies
		return bytes.ReplaceAll(content, mark, nil)
	}
	return content
}

// filesIn lists a folder of certificates. It leaves out OpenSSL's links, whose names are
// hashes, so that no certificate is read twice.
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
