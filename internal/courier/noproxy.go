// SPDX-License-Identifier: MIT

package courier

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// isExcepted reports whether NO_PROXY has an entry for the destination, or the destination is on this
// machine. The rules are those of golang.org/x/net/http/httpproxy, whose tables of Unicode
// have 200 kB; and as with curl and requests, white space separates entries too, and .example
// also covers example itself.
func isExcepted(destination *url.URL, list string) bool {
	host, port := toASCII(destination.Hostname()), destination.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[destination.Scheme]
	}
	ip, err := netip.ParseAddr(host)
	isIP := err == nil
	if destination.Hostname() == "localhost" || isIP && ip.Unmap().IsLoopback() {
		return true
	}
	for _, entry := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
		entry = strings.ToLower(strings.Trim(entry, "."))
		if isIP && coversIP(entry, ip, port) || !isIP && coversName(entry, host, port) {
			return true
		}
	}
	return false
}

// coversIP: the entry is *, a network, or an address with or without a port.
func coversIP(entry string, ip netip.Addr, port string) bool {
	if _, network, err := net.ParseCIDR(entry); err == nil {
		return network.Contains(ip.AsSlice())
	}
	address, wanted := splitPort(entry)
	found, err := netip.ParseAddr(strings.Trim(address, "[]"))
	return entry == "*" || err == nil && found.Unmap().WithZone("") == ip.Unmap().WithZone("") && (wanted == "" || wanted == port)
}

// coversName: the entry is *, or a name with or without a port, which covers the names below it,
// too. *.name covers only these.
func coversName(entry, host, port string) bool {
	name, wanted := splitPort(entry)
	below, only := strings.CutPrefix(name, "*.")
	below = toASCII(below)
	return entry == "*" || name != "" && (wanted == "" || wanted == port) && (strings.HasSuffix(host, "."+below) || !only && host == below)
}

func splitPort(entry string) (host, port string) {
	if host, port, err := net.SplitHostPort(entry); err == nil {
		return host, port
	}
	return entry, ""
}

// toASCII encodes a host's name, in small letters, as net/http does for the network. It has no tables
// of its own for that. A name that can't be encoded stays as it is.
func toASCII(host string) string {
	host = strings.ToLower(host)
	if !strings.ContainsFunc(host, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return host
	}
	var written bytes.Buffer
	if err := (&http.Request{Host: host, URL: &url.URL{Scheme: "http", Host: host}}).Write(&written); err != nil {
		return host
	}
	read, err := http.ReadRequest(bufio.NewReader(&written))
	if err != nil {
		return host
	}
	return read.Host
}
