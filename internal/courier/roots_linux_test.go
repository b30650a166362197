// SPDX-License-Identifier: MIT

package courier

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/x509roots/fallback/bundle"
	"unicode/utf16"

	"runspan/tests/receiver"
)

// newRoot returns the certificate of an authority, as PEM and as it is.
func newRoot(t *testing.T) (text, der []byte) {
	t.Helper()
	ca, err := receiver.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(ca.PEM())
	return ca.PEM(), block.Bytes
}

// The certificates in files of many forms that a variable may name.
func TestFilesOfCertificates(t *testing.T) {
	one, der := newRoot(t)
	two, _ := newRoot(t)
	const mark = "\xef\xbb\xbf"
	both := string(one) + string(two)
	broken := strings.Replace(string(two), "M", "?", 1)
	noCertificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("nonsense")}))
	utf16File := func(order func(unit uint16) []byte) string {
		var b bytes.Buffer
		for _, unit := range utf16.Encode([]rune("\ufeff" + both)) {
			b.Write(order(unit))
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		content string
		want    string // PEM; empty: there is none
	}{
		"one":                           {string(one), string(one)},
		"two":                           {both, both},
		"the same twice":                {string(one) + string(one), string(one)},
		"mark":                          {mark + string(one), string(one)},
		"mark before each":              {mark + string(one) + mark + string(two), both},
		"mark, CRLF":                    {mark + strings.ReplaceAll(both, "\n", "\r\n"), both},
		"little endian":                 {utf16File(func(u uint16) []byte { return []byte{byte(u), byte(u >> 8)} }), both},
		"big endian":                    {utf16File(func(u uint16) []byte { return []byte{byte(u >> 8), byte(u)} }), both},
		"text before":                   {"# Büro's authority\nsubject= CN=x\n" + string(one) + "\nmore\n" + string(two), both},
		"no newline at the end":         {strings.TrimSuffix(both, "\n"), both},
		"broken before":                 {broken + string(one), string(one)},
		"cut off before":                {string(two[:len(two)/2]) + "\n" + string(one), string(one)},
		"no certificate before":         {noCertificate + string(one), string(one)},
		"a key as well":                 {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + string(one), string(one)},
		"a key only":                    {string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), ""},
		"DER, which no such program is": {string(der), ""},
		"empty":                         {"", ""},
		"mark only":                     {mark, ""},
		"cut off":                       {string(one[:len(one)/2]), ""},
	} {
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if found := addAll(pool, []string{file}); found != (test.want != "") || !pool.Equal(poolOf(test.want)) {
			t.Errorf("%s: found: %v", name, found)
		}
	}
}

func poolOf(text string) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return pool
}

// Which of the variables counts.
func TestFirstSourceWithCertificatesCounts(t *testing.T) {
	dir := t.TempDir()
	pools := map[string]*x509.CertPool{"the system's": readRoots(systemFiles, systemFolders)}
	if pools["the system's"] == nil {
		t.Fatal("this system has no certificates")
	}
	file := func(name string) string {
		path := filepath.Join(dir, name, "ca.pem")
		text, _ := newRoot(t)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		pools[name] = poolOf(string(text))
		return path
	}
	ssl, folder, requests, curl := file("ssl"), filepath.Dir(file("folder")), file("requests"), file("curl")
	gone, empty := filepath.Join(dir, "gone"), filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, test := range []struct {
		network Network
		want    string
		told    string // of which variables
	}{
		{Network{}, "the system's", ""},
		{Network{CertFile: ssl, RequestsBundle: requests, CurlBundle: curl}, "ssl", ""},
		{Network{CertFile: gone, CertDir: gone + ":" + folder, RequestsBundle: requests}, "folder", ""},
		{Network{CertFile: ssl, CertDir: gone}, "ssl", ""},
		{Network{CertDir: folder, CurlBundle: curl}, "folder", ""},
		{Network{CertFile: folder}, "folder", ""},
		{Network{RequestsBundle: requests, CurlBundle: curl}, "requests", ""},
		{Network{RequestsBundle: folder}, "folder", ""},
		{Network{CurlBundle: curl}, "curl", ""},
		{Network{CurlBundle: curl + "\n"}, "curl", ""},
		{Network{CertFile: "ssl/ca.pem"}, "ssl", ""},
		{Network{CertDir: "empty:./folder"}, "folder", ""},
		{Network{CertFile: gone, RequestsBundle: requests}, "requests", "SSL_CERT_FILE or SSL_CERT_DIR"},
		{Network{CertDir: empty, CurlBundle: curl}, "curl", "SSL_CERT_FILE or SSL_CERT_DIR"},
		{Network{CertFile: "/dev/zero", RequestsBundle: pipe, CurlBundle: curl}, "curl", "SSL_CERT_FILE or SSL_CERT_DIR, REQUESTS_CA_BUNDLE"},
		{Network{CertFile: gone}, "the system's", "SSL_CERT_FILE or SSL_CERT_DIR"},
		{Network{CertFile: gone, CertDir: gone, RequestsBundle: empty, CurlBundle: gone}, "the system's", "SSL_CERT_FILE or SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE"},
		{Network{CertFile: " ", CertDir: ":"}, "the system's", ""},
	} {
		var told []string
		got := test.network.absolute().roots(func(line string) {
			told = append(told, strings.TrimSuffix(strings.TrimPrefix(line, "there is no certificate in "), ": others are used"))
		})
		if want := pools[test.want]; (got == nil) != (want == nil) || got != nil && !got.Equal(want) {
			t.Errorf("%+v: not %s", test.network, test.want)
		}
		if got := strings.Join(told, ", "); got != test.told {
			t.Errorf("%+v: told of %q, want %q", test.network, got, test.told)
		}
	}
}

// Of a system's store one bundle is read, the folders only where there is none.
func TestTheSystemsStoreIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) (path, text string) {
		root, _ := newRoot(t)
		path = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, root, 0o600); err != nil {
			t.Fatal(err)
		}
		return path, string(root)
	}
	first, inFirst := file("first.crt")
	second, inSecond := file("second.crt")
	one, inOne := file("certs/one.pem")
	_, inTwo := file("certs/two.pem")
	empty, gone := filepath.Join(dir, "empty.crt"), filepath.Join(dir, "gone")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Dir(one)
	for _, test := range []struct {
		name    string
		files   []string
		folders []string
		want    string
	}{
		{"a bundle and a folder", []string{gone, first}, []string{folder}, inFirst},
		{"two bundles", []string{first, second}, []string{folder}, inFirst},
		{"an empty bundle before", []string{empty, second}, []string{folder}, inSecond},
		{"no bundle", []string{gone, empty}, []string{gone, folder}, inOne + inTwo},
		{"nothing", []string{gone, empty}, []string{gone}, ""},
	} {
		got := readRoots(test.files, test.folders)
		want := poolOf(test.want)
		if test.want == "" {
			want = linkedRoots()
		}
		if !got.Equal(want) {
			t.Errorf("%s: other certificates are read", test.name)
		}
	}
}

// Every certificate that is linked in is one that this Go takes.
func TestTheLinkedCertificates(t *testing.T) {
	want := 0
	for range bundle.Roots() {
		want++
	}
	roots := linkedRoots()
	//lint:ignore SA1019 the pool is no system's
	if got := len(roots.Subjects()); got != want || want < 100 {
		t.Errorf("%d of %d certificates", got, want)
	}
}

// Paths are those of when the client was opened.
func TestRelativePathsAfterChdir(t *testing.T) {
	dir := t.TempDir()
	text, _ := newRoot(t)
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	n := (&Network{RequestsBundle: "ca.pem"}).absolute()
	t.Chdir(t.TempDir())
	if pool := n.roots(func(line string) { t.Error(line) }); !pool.Equal(poolOf(string(text))) {
		t.Error("the certificate is not found")
	}
}

// The system's certificates are found where the environment that this process
// began with has crypto/x509 look elsewhere.
func TestSystemCertificatesWithStaleVariables(t *testing.T) {
	if os.Getenv("STALE") == "" {
		again := exec.Command(os.Args[0], "-test.run=^TestSystemCertificatesWithStaleVariables$")
		again.Env = append(os.Environ(), "STALE=1", "SSL_CERT_FILE=/nowhere", "SSL_CERT_DIR=/nowhere")
		if out, err := again.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	n := Network{CertFile: os.Getenv("SSL_CERT_FILE"), CertDir: os.Getenv("SSL_CERT_DIR")}
	pool := n.roots(func(string) {})
	text, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			continue // to crypto/x509 it is none
		}
		seen++
		if _, err := root.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: root.NotAfter, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("%v: %v", root.Subject, err)
		}
	}
	if pool == nil || seen == 0 {
		t.Errorf("%d are in the system's file", seen)
	}
}
