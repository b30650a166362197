// SPDX-License-Identifier: MIT

package faults_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// destination is StripePy's.
const destination = "stripepy-telemetry.paulsenlab.com:4319"

// TestProxyVariables has variables that set a proxy, in all forms. The report
// comes through it, or stays for a run that can send it. Nobody is asked for the
// destination's name in any case.
func TestProxyVariables(t *testing.T) {
	const user = "alice:100%sure"
	tool := compileTool(t)
	for _, test := range []struct {
		variables string // one a line; {http} and {socks} are proxies, \n and the like a character
		arrives   bool
		user      string // that the proxy is told
	}{
		{`HTTPS_PROXY=http://{http}`, true, ""},
		{`HTTPS_PROXY=http://alice:100%sure@{http}`, true, user},
		{`HTTPS_PROXY=http://alice:100%25sure@{http}`, true, user},
		{`HTTPS_PROXY=alice:p@s/s#w?rd@{http}/`, true, "alice:p@s/s#w?rd"},
		{`HTTPS_PROXY=http://{http}\n`, true, ""},
		{`HTTPS_PROXY=\t http://{http}/\r\n`, true, ""},
		{`HTTPS_PROXY={http}`, true, ""},
		{`HTTPS_PROXY=HTTP://{http}`, true, ""},
		{"https_proxy=http://{http}\nHTTPS_PROXY=http://127.0.0.1:1\nALL_PROXY=http://127.0.0.1:1", true, ""},
		{"https_proxy=\nHTTPS_PROXY=http://{http}", true, ""},
		{"https_proxy=\nHTTPS_PROXY= \\n\nall_proxy=\nALL_PROXY=http://{http}", true, ""},
		{`all_proxy={http}`, true, ""},
		{"ALL_PROXY=http://{http}\nHTTP_PROXY=http://127.0.0.1:1", true, ""},
		{"REQUEST_METHOD=GET\nHTTPS_PROXY=http://{http}", true, ""},
		{"REQUEST_METHOD=GET\nALL_PROXY=http://{http}", true, ""},
		{"NO_PROXY=elsewhere.example, 10.0.0.0/8\nHTTPS_PROXY=http://{http}", true, ""},
		{`ALL_PROXY=socks5h://{socks}`, true, ""},
		{`ALL_PROXY=socks5://{socks}\n`, true, ""},
		{`HTTPS_PROXY=Socks5h://alice:100%sure@{socks}`, true, user},
		{`HTTPS_PROXY=ftp://{http}`, false, ""},
		{`ALL_PROXY=socks4://{socks}`, false, ""},
		{`all_proxy=socks://{socks}`, false, ""},
		{`HTTPS_PROXY="http://{http}"`, false, ""},
		{`HTTPS_PROXY=http://proxy:port`, false, ""},
		{`HTTPS_PROXY=http://127.0.0.1:99999`, false, ""},
		{`HTTPS_PROXY=http://::1:3128`, false, ""},
		{`HTTPS_PROXY=http://alice:secret@`, false, ""},
		{`HTTPS_PROXY=http://`, false, ""},
		{"https_proxy=http://:3128\nHTTPS_PROXY=http://{http}\nALL_PROXY=http://{http}", false, ""},
	} {
		t.Run(test.variables, func(t *testing.T) {
			tap := &receiver.Tap{}
			r := listen(t, receiver.Options{Tap: tap, ProxyFor: []string{destination}})
			fill := strings.NewReplacer("{http}", strings.TrimPrefix(r.ProxyURL(), "http://"), "{socks}", r.SOCKSAddress(), `\n`, "\n", `\r`, "\r", `\t`, "\t")
			env := []string{"SSL_CERT_FILE=" + r.CAFile()}
			for _, variable := range strings.Split(test.variables, "\n") {
				env = append(env, fill.Replace(variable))
			}
			state := t.TempDir()
			queries, code := runWithNameServer(t, tool, state, env)
			if n := len(r.Spans()); (n == 1) != test.arrives || (code == 0) != test.arrives {
				t.Errorf("%d spans arrived, close returned %d", n, code)
			}
			if test.arrives && fmt.Sprint(r.Asked()) != "["+destination+"]" {
				t.Errorf("the proxy was asked for %v", r.Asked())
			}
			if queries != 0 {
				t.Errorf("the name server was asked %d times", queries)
			}
			if said := fmt.Sprintf("%q", tap.Seen(receiver.TapProxy)); test.user != "" && !saysUser(said, test.user) {
				t.Errorf("the proxy was told %s", said)
			}
			if test.arrives {
				return
			}
			host.AwaitCores(t)
			if n := host.Waiting(t, state); n != 1 {
				t.Errorf("%d files wait", n)
			}
			// Nothing was wrong with the collector: the next run does not wait.
			well := listen(t, receiver.Options{})
			if _, code := runWithNameServer(t, tool, state, to(well)); code != 0 || len(well.Spans()) != 2 {
				t.Errorf("with the next run: %d spans, close returned %d", len(well.Spans()), code)
			}
		})
	}
}

// saysUser says whether a proxy was told of a user, by HTTP or SOCKS.
func saysUser(said, user string) bool {
	name, password, _ := strings.Cut(user, ":")
	return strings.Contains(said, "Basic "+base64.StdEncoding.EncodeToString([]byte(user))+`\r\n`) ||
		strings.Contains(said, fmt.Sprintf(`\x%02x%s\x%02x%s`, len(name), name, len(password), password)) ||
		strings.Contains(said, fmt.Sprintf(`\x%02x%s\b%s`, len(name), name, password))
}

// runWithNameServer runs a tool with one span, which may wait for long, and
// returns how many questions the name server was asked, and what close returned.
func runWithNameServer(t *testing.T, tool tool, state string, env []string) (queries int32, code int) {
	t.Helper()
	var asked atomic.Int32
	server := resolver(func(query []byte) []byte {
		asked.Add(1)
		return nameError(query)
	})(t)
	p, out := start(t, withResolver(t, server, tool.command(1, 1, 0, "end", 20*time.Second)), host.Environment(t, state, env...))
	r := finish(t, p, out)
	if r.sinceEnd() > 10*time.Second {
		t.Errorf("it waited for %v", r.sinceEnd())
	}
	return asked.Load(), r.code["closed"]
}

// NO_PROXY leads past a proxy.
func TestNoProxyVariables(t *testing.T) {
	tool := compileTool(t)
	for _, variables := range []string{
		"NO_PROXY=paulsenlab.com", "NO_PROXY=.paulsenlab.com\n", "no_proxy=localhost other.example stripepy-telemetry.paulsenlab.com", "NO_PROXY=*",
	} {
		for _, proxy := range []string{"HTTPS_PROXY={http}", "ALL_PROXY=socks4://{http}"} {
			r := listen(t, receiver.Options{ProxyFor: []string{destination}})
			proxy = strings.ReplaceAll(proxy, "{http}", strings.TrimPrefix(r.ProxyURL(), "http://"))
			queries, code := runWithNameServer(t, tool, t.TempDir(), []string{variables, proxy, "REQUEST_METHOD=GET", "SSL_CERT_FILE=" + r.CAFile()})
			if queries == 0 || code == 0 || len(r.Asked()) != 0 {
				t.Errorf("%s, %s: the name server was asked %d times, the proxy for %v", variables, proxy, queries, r.Asked())
			}
		}
	}
}

// TestCertificateVariables has variables that name certificates, of which the
// receiver's may be one.
func TestCertificateVariables(t *testing.T) {
	tool := compileTool(t)
	for _, test := range []struct {
		variables string // one a line; {file} and {folder} are the receiver's, {other} another authority's
		system    string // the system's certificates, where they are others
		arrives   bool
	}{
		{"SSL_CERT_FILE={file}", "", true},
		{"SSL_CERT_DIR=/nowhere:{folder}", "", true},
		{"REQUESTS_CA_BUNDLE={file}", "", true},
		{"REQUESTS_CA_BUNDLE={folder}", "", true},
		{"CURL_CA_BUNDLE={file}", "", true},
		{"CURL_CA_BUNDLE={marked}", "", true},
		{"SSL_CERT_FILE={marked}", "", true},
		{"SSL_CERT_FILE=/nowhere\nSSL_CERT_DIR=/nowhere\nREQUESTS_CA_BUNDLE={empty}\nCURL_CA_BUNDLE={file}", "", true},
		{"SSL_CERT_FILE=/nowhere", "{file}", true},
		{"SSL_CERT_FILE=/nowhere\nSSL_CERT_DIR=/nowhere\nREQUESTS_CA_BUNDLE=/nowhere\nCURL_CA_BUNDLE=/nowhere", "{file}", true},
		{"REQUESTS_CA_BUNDLE=", "{file}", true},
		{"", "{file}", true},
		{"SSL_CERT_FILE={other}\nREQUESTS_CA_BUNDLE={file}\nCURL_CA_BUNDLE={file}", "{file}", false},
		{"REQUESTS_CA_BUNDLE={other}\nCURL_CA_BUNDLE={file}", "{file}", false},
		{"SSL_CERT_FILE=/nowhere", "{other}", false},
		{"", "", false},
	} {
		t.Run(test.variables+" "+test.system, func(t *testing.T) {
			r := listen(t, receiver.Options{})
			other := listen(t, receiver.Options{})
			dir := t.TempDir()
			write := func(name, content string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			fill := strings.NewReplacer("{file}", r.CAFile(), "{folder}", filepath.Dir(r.CAFile()), "{other}", other.CAFile(),
				"{marked}", write("marked.pem", "\xef\xbb\xbf"+string(r.CAPEM())), "{empty}", write("empty.pem", ""))
			env := append([]string{"RUNSPAN_ENDPOINT=" + r.Endpoint()}, strings.Split(fill.Replace(test.variables), "\n")...)
			command := tool.command(1, 1, 0, "end", 20*time.Second)
			if test.system != "" {
				script := `mount --bind "$0" /etc/ssl/certs/ca-certificates.crt && exec "$@"`
				command = append([]string{"unshare", "-m", "sh", "-c", script, fill.Replace(test.system)}, command...)
			}
			p, out := start(t, command, host.Environment(t, "", env...))
			code := finish(t, p, out).code["closed"]
			if n := len(r.Spans()); (n == 1) != test.arrives || (code == 0) != test.arrives {
				t.Errorf("%d spans arrived, close returned %d", n, code)
			}
		})
	}
}
