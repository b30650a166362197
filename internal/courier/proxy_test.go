// SPDX-License-Identifier: MIT

package courier

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Each value of a variable gives the proxy that the user means, or the right error.
func TestProxyValues(t *testing.T) {
	for value, want := range map[string]any{
		"http://proxy:3128":                    "http://proxy:3128",
		"http://proxy":                         "http://proxy",
		"proxy:3128":                           "http://proxy:3128",
		"proxy":                                "http://proxy",
		"//proxy:3128":                         "http://proxy:3128",
		"http://proxy:3128/":                   "http://proxy:3128",
		"http://proxy:3128/?a=b#c":             "http://proxy:3128",
		"proxy:3128/path":                      "http://proxy:3128",
		"https://proxy":                        "https://proxy",
		"HTTP://Proxy.Example:3128":            "http://Proxy.Example:3128",
		"Socks5H://proxy:1080":                 "socks5h://proxy:1080",
		"socks5://proxy":                       "socks5://proxy",
		"http://proxy:3128\n":                  "http://proxy:3128",
		"http://proxy:3128\r\n":                "http://proxy:3128",
		" \t http://proxy:3128 \n\n":           "http://proxy:3128",
		"http://under_score.example.:03128":    "http://under_score.example.:3128",
		"http://büro.example:3128":             "http://büro.example:3128",
		"http://192.0.2.1:3128":                "http://192.0.2.1:3128",
		"http://[2001:db8::1]:3128":            "http://[2001:db8::1]:3128",
		"[2001:db8::1]":                        "http://[2001:db8::1]",
		"http://[fe80::1%25eth0]:3128":         "http://[fe80::1%eth0]:3128",
		"http://[fe80::1%eth0]:3128":           "http://[fe80::1%eth0]:3128",
		"http://alice:secret@proxy:3128":       "http://alice:secret@proxy:3128",
		"alice:secret@proxy:3128":              "http://alice:secret@proxy:3128",
		"http://alice@proxy:3128":              "http://alice@proxy:3128",
		"http://:secret@proxy:3128":            "http://:secret@proxy:3128",
		"http://alice:@proxy:3128":             "http://alice:@proxy:3128",
		"http://:@proxy:3128":                  "http://proxy:3128",
		"http://@proxy:3128":                   "http://proxy:3128",
		"http://alice:100%sure@proxy:3128":     "http://alice:100%sure@proxy:3128",
		"http://alice:100%@proxy:3128":         "http://alice:100%@proxy:3128",
		"http://alice:%4@proxy:3128":           "http://alice:%4@proxy:3128",
		"http://alice:a%40b%zz%25@proxy:3128":  "http://alice:a@b%zz%@proxy:3128",
		"http://alice:a@b@proxy:3128":          "http://alice:a@b@proxy:3128",
		"http://alice:a/b@proxy:3128":          "http://alice:a/b@proxy:3128",
		"http://alice:12/b@proxy:3128":         "http://alice:12/b@proxy:3128",
		"http://alice:a#b@proxy:3128/":         "http://alice:a#b@proxy:3128",
		"http://alice:a?b@proxy:3128":          "http://alice:a?b@proxy:3128",
		"http://alice:a:b@proxy:3128":          "http://alice:a:b@proxy:3128",
		"http://alice:a b@proxy:3128":          "http://alice:a b@proxy:3128",
		"http://alice:a://b@proxy:3128":        "http://alice:a://b@proxy:3128",
		"http://alice:a\\b\"[]{}^|@proxy:3128": "http://alice:a\\b\"[]{}^|@proxy:3128",
		"http://alice:\xff@proxy:3128":         "http://alice:\xff@proxy:3128",
		"http://DOMAIN\\alice:ä+@[::1]:3128":   "http://DOMAIN\\alice:ä+@[::1]:3128",
		"ftp://proxy:21":                       errProxyScheme,
		"socks4://proxy:1080":                  errProxyScheme,
		"socks4a://proxy:1080":                 errProxyScheme,
		"socks://proxy:1080":                   errProxyScheme,
		"://proxy:3128":                        errProxyScheme,
		"\"http://proxy:3128\"":                errProxyScheme,
		"http ://proxy:3128":                   errProxyScheme,
		"http://":                              errProxyHost,
		"http:///path":                         errProxyHost,
		"http://:3128":                         errProxyHost,
		"http://alice:secret@":                 errProxyHost,
		"http://alice:secret@:3128":            errProxyHost,
		"http://pro xy:3128":                   errProxyHost,
		"http://proxy\n:3128":                  errProxyHost,
		"http://proxy%2e:3128":                 errProxyHost,
		"http://proxy,other:3128":              errProxyHost,
		"http://2001:db8::1:3128":              errProxyHost,
		"::1":                                  errProxyHost,
		"http://[2001:db8::1":                  errProxyHost,
		"http://[proxy]:3128":                  errProxyHost,
		"http://[192.0.2.1]:3128":              errProxyHost,
		"http://[::1]x:3128":                   errProxyHost,
		"http://proxy:":                        errProxyPort,
		"http:/proxy:3128":                     errProxyPort,
		"http://proxy:0":                       errProxyPort,
		"http://proxy:65536":                   errProxyPort,
		"http://proxy:-1":                      errProxyPort,
		"http://proxy:+1":                      errProxyPort,
		"http://proxy:31 28":                   errProxyPort,
		"http://proxy:http":                    errProxyPort,
		"http://alice:secret":                  errProxyPort,
		"http://pro\xffy:3128":                 errProxyHost,
		"$HTTPS_PROXY":                         errProxyHost,
	} {
		got, err := parseProxy(value)
		if err != nil {
			if err != want {
				t.Errorf("%q: %v, want %v", value, err, want)
			}
			continue
		}
		if plain := plainly(got); plain != want {
			t.Errorf("%q is taken for %q, want %v", value, plain, want)
		}
		// net/http writes it, and compares connections by what it has written.
		if again, err := url.Parse(got.String()); err != nil || plainly(again) != plainly(got) {
			t.Errorf("%q is written as %q: %v", value, got, err)
		}
	}
}

// plainly is a URL as a person would write it, without any escape.
func plainly(u *url.URL) string {
	user := ""
	if u.User != nil {
		user = u.User.Username()
		if password, set := u.User.Password(); set {
			user += ":" + password
		}
		user += "@"
	}
	return u.Scheme + "://" + user + u.Host
}

func TestNoProxyEntries(t *testing.T) {
	const collector = "https://telemetry.example.com:4319/v1/traces"
	for _, test := range []struct {
		destination, exceptions string
		proxied                 bool
	}{
		{collector, "", true},
		{collector, "other.example.com", true},
		{collector, "lemetry.example.com", true},
		{collector, "*", false},
		{collector, " *\n", false},
		{collector, "telemetry.example.com", false},
		{collector, "telemetry.example.com\n", false},
		{collector, "TELEMETRY.example.com.", false},
		{collector, ".telemetry.example.com", false},
		{collector, "example.com", false},
		{collector, ".example.com", false},
		{collector, "*.example.com", false},
		{collector, "*.telemetry.example.com", true},
		{collector, "localhost, example.com", false},
		{collector, "localhost example.com", false},
		{collector, "localhost,\r\n\texample.com\r\n", false},
		{collector, "telemetry.example.com:4319", false},
		{collector, "telemetry.example.com:443", true},
		{collector, "10.0.0.0/8,,.", true},
		{"https://10.1.2.3:4319/", "10.0.0.0/8", false},
		{"https://10.1.2.3:4319/", "10.1.2.3", false},
		{"https://10.1.2.3:4319/", "10.1.2.3:4319", false},
		{"https://10.1.2.3:4319/", "10.1.2.4", true},
		{"https://[2001:db8::1]:4319/", "[2001:db8::1]", false},
		{"https://[2001:db8::1]:4319/", "2001:DB8:0::1", false},
		{"https://[2001:db8::1]:4319/", "2001:db8::/32", false},
		{"https://[2001:db8::1]:4319/", "[2001:db8::1]:4319", false},
		{"https://bücher.example/", "bücher.example", false},
		{"https://127.0.0.1:4319/", "", false},
		{"https://[::1]:4319/", "", false},
		{"https://localhost:4319/", "", false},
		{"http://localhost:4318/", "", false},
	} {
		for value, good := range map[string]bool{"http://proxy.example:3128": true, "ftp://proxy.example": false} {
			n := Network{Proxy: value, ProxyVariable: "https_proxy", NoProxy: test.exceptions}
			got, err := n.proxy(&Destination{URL: test.destination})
			if (got != nil) != (test.proxied && good) || (err != nil) != (test.proxied && !good) {
				t.Errorf("%s, except %q: %v, %v", test.destination, test.exceptions, got, err)
			}
		}
	}
}

// The host's log may be shown to anybody: it has nothing of a proxy's user.
func TestProxyErrorsHaveNoPassword(t *testing.T) {
	for _, value := range []string{
		"ftp://alice:secret@proxy", "http://alice:secret", "http://alice:secret@", "alice:secret@proxy:port",
		"http://alice:secret@[proxy]", "secret://alice", "http://alice:se%cret@:1", "http://:secret:secret",
	} {
		n := Network{Proxy: value, ProxyVariable: "ALL_PROXY"}
		_, err := n.proxy(&Destination{URL: "https://collector.example/"})
		if err == nil || !strings.Contains(err.Error(), "ALL_PROXY") || strings.Contains(err.Error(), "alice") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// FuzzProxy shows that a proxy which is taken has a host, and that what is wrong
// with one that is not does not repeat it.
func FuzzProxy(f *testing.F) {
	f.Add("http://alice:100%sure@proxy:3128")
	f.Add("[fe80::1%25eth0]:1\n")
	f.Add("socks5h://a@b@c:d:1/e?f#g")
	f.Fuzz(func(t *testing.T, value string) {
		proxy, err := parseProxy(value)
		if err != nil {
			if !slices.Contains([]error{errProxyScheme, errProxyHost, errProxyPort}, err) {
				t.Error(err)
			}
			return
		}
		if proxy.Hostname() == "" || !slices.Contains(proxySchemes, proxy.Scheme) {
			t.Errorf("%q is taken for %q", value, proxy)
		}
		if again, err := url.Parse(proxy.String()); err != nil || plainly(again) != plainly(proxy) {
			t.Errorf("%q is taken for %q, and net/url has %q: %v", value, proxy, again, err)
		}
	})
}

func TestUnescape(t *testing.T) {
	for text, want := range map[string]string{"": "", "%": "%", "%2": "%2", "%25": "%", "%%41": "%A", "%4%41": "%4A", "a+b": "a+b", "%0a": "\n"} {
		if got := unescape(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}
