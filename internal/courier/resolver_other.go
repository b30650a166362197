// SPDX-License-Identifier: MIT

//go:build !linux

package courier

import "net"

// newResolver returns the system's resolver: only it knows the name servers of the user's
// networks, of which a VPN may have one for some names.
func newResolver() *net.Resolver { return net.DefaultResolver }
