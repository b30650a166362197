// SPDX-License-Identifier: MIT

package courier

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The errors about a proxy. They do not quote the value, which may have a password.
var (
	errProxyScheme = errors.New("its scheme is not http, https, socks5 or socks5h")
	errProxyHost   = errors.New("its host is neither a name nor an address (of IPv6: in brackets)")
	errProxyPort   = errors.New("its port is not a number from 1 to 65535")
)

// With socks5 and socks5h, net/http lets the proxy resolve the destination's name, so
// that no name server on this side learns it.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// proxy returns the proxy for the destination, or nil. After an error the user has set a
// proxy that can't be used. Then nothing may be sent, because the user does not want a
// direct connection.
func (n *Network) proxy(to *Destination) (*url.URL, error) {
	if n.Proxy == "" {
		return nil, nil
	}
	destination, err := url.Parse(to.URL)
	if err != nil {
		return nil, err
	}
	if isExcepted(destination, n.NoProxy) {
		return nil, nil
	}
	proxy, err := parseProxy(n.Proxy)
	if err != nil {
		return nil, fmt.Errorf("the proxy in %s can't be used: %w", n.ProxyVariable, err)
	}
	return proxy, nil
}

// parseProxy parses a variable's value. It is more lenient than net/url, because users
// write passwords unescaped.
func parseProxy(value string) (*url.URL, error) {
	value = strings.TrimSpace(value)
	scheme, rest, found := strings.Cut(value, "://")
	if !found {
		scheme, rest = "http", strings.TrimPrefix(value, "//")
	}
	scheme = strings.ToLower(scheme)
	if !slices.Contains(proxySchemes, scheme) {
		return nil, errProxyScheme
	}
	// A proxy has no path that could have an @. So user and password end at the last @.
	at := strings.LastIndexByte(rest, '@')
	address := rest[at+1:]
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		address = address[:end]
	}
	host, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: scheme, User: parseUser(rest[:max(at, 0)]), Host: host}, nil
}

// parseAddress returns host, or host:port, as a url.URL has it.
func parseAddress(address string) (string, error) {
	host, port := address, ""
	if colon := strings.LastIndexByte(address, ':'); colon > strings.LastIndexByte(address, ']') {
		number, err := strconv.ParseUint(address[colon+1:], 10, 16)
		if err != nil || number == 0 {
			return "", errProxyPort
		}
		host, port = address[:colon], fmt.Sprint(":", number)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		// In a URL a zone begins with %25, but not everybody writes that.
		ip, err := netip.ParseAddr(strings.Replace(strings.TrimSuffix(inner, "]"), "%25", "%", 1))
		if err != nil || !ip.Is6() || !isName(ip.Zone()) || !strings.HasSuffix(inner, "]") {
			return "", errProxyHost
		}
		return "[" + ip.String() + "]" + port, nil
	}
	if host == "" || !isName(host) {
		return "", errProxyHost
	}
	return host + port, nil
}

// isName reports whether a text has only characters that host names may have. It allows
// letters beyond ASCII, which net/http encodes.
func isName(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) || r <= unicode.MaxASCII && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-._", r)
	})
}

func parseUser(text string) *url.Userinfo {
	name, password, both := strings.Cut(text, ":")
	switch {
	case name == "" && password == "":
		return nil
	case both:
		return url.UserPassword(unescape(name), unescape(password))
	}
	return url.User(unescape(name))
}

// unescape decodes percent escapes. A percent sign that begins no escape stands for
// itself, as with curl and requests.
func unescape(text string) string {
	var decoded strings.Builder
	for len(text) > 0 {
		n := 1
		if text[0] == '%' && len(text) >= 3 {
			n = 3
		}
		one, err := url.PathUnescape(text[:n])
		if err != nil {
			n, one = 1, "%"
		}
		decoded.WriteString(one)
		text = text[n:]
	}
	return decoded.String()
}
