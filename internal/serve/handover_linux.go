// SPDX-License-Identifier: MIT

package serve

import (
	"errors"
	"syscall"
	"time"

	"runspan/internal/contract"
	"runspan/internal/telemetry"
)

// writing is how long a new process may take to read its calls. Mostly they fit into the
// socket's buffer.
const writing = 100 * time.Millisecond

// HandOver has the new process at the other end of a socket open these clients, and ends
// the stream: so the process delivers what waits in their spools. HandOver closes the
// socket, and does not wait for an answer.
func HandOver(socket int, clients []telemetry.Config) error {
	longest := syscall.NsecToTimeval(writing.Nanoseconds())
	err := syscall.SetsockoptTimeval(socket, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &longest)
	for i := 0; err == nil && i < len(clients); i++ {
		// If the process is gone, that must not raise SIGPIPE in the host.
		_, err = send(socket, openCall(uint64(i+1), &clients[i]), syscall.MSG_NOSIGNAL)
	}
	// Not only close: a child of the host's may hold the socket as well.
	return errors.Join(err, syscall.Shutdown(socket, syscall.SHUT_RDWR), syscall.Close(socket))
}

// openCall returns the frame of a call that opens a client.
func openCall(handle uint64, c *telemetry.Config) []byte {
	flags := uint32(flagHandedOver)
	if c.Strict {
		flags |= contract.FlagStrict
	}
	arguments := order.AppendUint32(nil, flags)
	n := &c.Network
	for _, text := range []string{
		c.Version, c.Service, c.Schema, c.Endpoint, c.Folder,
		n.Proxy, n.ProxyVariable, n.NoProxy, n.CertFile, n.CertDir, n.RequestsBundle, n.CurlBundle,
	} {
		arguments = append(order.AppendUint32(arguments, uint32(len(text))), text...)
	}
	b := order.AppendUint32(nil, uint32(len(arguments)))
	b = order.AppendUint32(b, callOpen)
	return append(order.AppendUint64(b, handle), arguments...)
}
