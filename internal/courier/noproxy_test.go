// SPDX-License-Identifier: MIT

package courier

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/http/httpproxy"
)

// Each entry excepts the destinations that httpproxy excepts, if its list is written as curl and
// requests read it.
func TestNoProxyAsHTTPProxy(t *testing.T) {
	destinations := []string{
		"https://telemetry.example.com:4319/", "https://telemetry.example.com/", "http://Telemetry.Example.COM/", "https://example.com/", "https://com/",
		"https://bücher.example/", "https://BÜCHER.example:8443/", "https://xn--bcher-kva.example/", "https://straße.example/", "https://a_b.example./", "https://..bücher/",
		"https://10.1.2.3:4319/", "http://10.1.2.3/", "https://[2001:db8::1]:4319/", "https://[2001:db8::1]/", "https://[::ffff:10.1.2.3]/", "https://[fe80::1%25eth0]/",
		"http://localhost:4318/", "https://LocalHost/", "https://localhost./", "https://127.0.0.1/", "https://127.9.9.9:1/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://0.0.0.0/",
	}
	lists := []string{
		"", "*", "*,x", "x *", ".", ",", "*.", "*.com", "*.*", ":", ":443", "[", "]", "[]", "com", ".com", "com.", "example.com", "EXAMPLE.com", "xample.com", "example.com:443", "example.com:80", "example.com:",
		"*.example.com", "*.example.com:443", ".example.com:443", "telemetry.example.com", "telemetry.example.com.", "telemetry.example.com:4319", "a b\texample.com\r\n", "bücher.example",
		"Bücher.Example", "*.bücher.example", "xn--bcher-kva.example", "xn--bcher-kva.example:443", "bücher.example:8443", "strasse.example", "straße.example", "STRASSE.example", "a_b.example", "..bücher",
		"10.1.2.3", "10.1.2.3:4319", "10.1.2.3:80", "10.1.2.4", "10.0.0.0/8", "10.1.2.3/31", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443", "2001:DB8:0::1", "[2001:db8::1]/64",
		"::ffff:10.1.2.3", "::ffff:10.0.0.0/104", "fe80::1", "fe80::1%eth0", "fe80::/10", "[fe80::1%eth0]:443", "127.0.0.1", "010.1.2.3", "10.1.2", "10.1.2.3/33", "localhost", "%", "\xff", "\xffexample.com",
	}
	excepted := 0
	for _, destination := range destinations {
		u, err := url.Parse(destination)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range lists {
			rules := httpproxy.Config{HTTPProxy: "http://proxy.invalid", HTTPSProxy: "http://proxy.invalid", NoProxy: exceptions(list)}
			proxy, err := rules.ProxyFunc()(u)
			if err != nil {
				t.Fatal(err)
			}
			got, want := isExcepted(u, list), proxy == nil
			if got != want {
				t.Errorf("%s, except %q: %v, want %v", destination, list, got, want)
			}
			if got {
				excepted++
			}
		}
	}
	if all := len(destinations) * len(lists); excepted < all/10 || excepted > all/2 {
		t.Errorf("%d of %d are excepted", excepted, all)
	}
}

// exceptions rewrites a list for httpproxy: white space separates entries too, and .example
// also covers example itself.
func exceptions(list string) string {
	entries := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	for i, entry := range entries {
		entries[i] = strings.Trim(entry, ".")
		if address, err := netip.ParseAddr(strings.Trim(entry, "[]")); err == nil {
			entries[i] = address.WithZone("").String()
		}
	}
	return strings.Join(entries, ",")
}
