// SPDX-License-Identifier: MIT

package privacy_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"runspan/tests/host"
	"runspan/tests/receiver"
)

// where is where canaries were found: one of these, or several with commas.
type where string

const (
	nowhere       where = ""
	atProxy       where = "at the proxy"       // as it comes from TCP
	atEndpoint    where = "on the wire"        // as it comes from TCP
	inCertificate where = "client certificate" // which is encrypted
	inHead        where = "request's head"     // after TLS, with the body as it is sent: compressed
	inBody        where = "request's body"     // decompressed
	atNameServer  where = "at the name server"
	elsewhere     where = "elsewhere" // where only the environment leads
	inSpool       where = "spool"     // names and contents of its files
	onDisk        where = "new file"  // names and contents of those that are not the host's own
)

var everywhere = []where{atProxy, atEndpoint, inCertificate, inHead, inBody, atNameServer, elsewhere, inSpool, onDisk}

// evidence is what there is to search, piece by piece.
type evidence struct {
	mu     sync.Mutex
	pieces map[where]map[string]bool
}

func (e *evidence) add(at where, piece []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pieces == nil {
		e.pieces = make(map[where]map[string]bool)
	}
	if e.pieces[at] == nil {
		e.pieces[at] = make(map[string]bool)
	}
	e.pieces[at][string(piece)] = true
}

// all returns the pieces of one kind.
func (e *evidence) all(at where) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Collect(maps.Keys(e.pieces[at]))
}

// find returns where a canary is, in any form.
func (e *evidence) find(canary string) where {
	e.mu.Lock()
	defer e.mu.Unlock()
	anyCase, exact := forms(canary)
	var found []string
	for _, at := range everywhere {
		for piece := range e.pieces[at] {
			if contains(strings.ToLower(piece), anyCase) || contains(piece, exact) {
				found = append(found, string(at))
				break
			}
		}
	}
	return where(strings.Join(found, ", "))
}

func contains(text string, any []string) bool {
	return slices.ContainsFunc(any, func(one string) bool { return strings.Contains(text, one) })
}

// forms are what a text can be turned into on its way: any case, hex, percent-
// encoded; base64, together with what stands before and after it; and the bytes
// that hex digits mean.
func forms(text string) (anyCase, exact []string) {
	digits := hex.EncodeToString([]byte(text))
	percent := ""
	for i := 0; i < len(digits); i += 2 {
		percent += "%" + digits[i:i+2]
	}
	anyCase = []string{strings.ToLower(text), digits, percent}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		for before := range 3 {
			encoded := encoding.EncodeToString(append(make([]byte, before), text...))
			// Without the characters, of 6 bits each, that the neighbours have a part in.
			exact = append(exact, encoded[(before*8+5)/6:(before+len(text))*8/6])
		}
	}
	if raw, err := hex.DecodeString(text); err == nil && len(raw) >= 6 {
		exact = append(exact, string(raw))
	}
	return anyCase, exact
}

// addTap adds what receivers have seen.
func (e *evidence) addTap(tap *receiver.Tap, receivers ...*receiver.Receiver) {
	layers := map[receiver.Layer]where{
		receiver.TapProxy:       atProxy,
		receiver.TapTCP:         atEndpoint,
		receiver.TapCertificate: inCertificate,
		receiver.TapHTTP:        inHead,
	}
	for layer, at := range layers {
		for _, connection := range tap.Seen(layer) {
			e.add(at, connection)
		}
	}
	for _, r := range receivers {
		for _, request := range r.Requests() {
			e.add(inBody, request.Raw)
		}
	}
}

// watch adds the files of a folder, as they come and go, until it is stopped.
func (e *evidence) watch(folder string, at where) (stop func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			e.addFiles(folder, at)
			select {
			case <-ended:
				e.addFiles(folder, at)
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

func (e *evidence) addFiles(folder string, at where) {
	for _, path := range files(folder) {
		e.addFile(folder, path, at)
	}
}

// addFile adds a file's name below a folder and its content; one that has gone
// since, its name.
func (e *evidence) addFile(folder, path string, at where) {
	content, _ := os.ReadFile(path)
	e.add(at, append([]byte(strings.TrimPrefix(path, folder)+"\n"), content...))
}

// files are the paths of all that is in a folder and below it.
func files(folder string) (all []string) {
	// What goes away meanwhile is not there.
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && path != folder {
			all = append(all, path)
		}
		return nil
	})
	return all
}

// listen adds everything that comes to a loopback port, each connection at least
// by being one.
func (e *evidence) listen(t *testing.T, at where) (address string) {
	return host.Listen(t, func(c net.Conn) {
		e.add(at, []byte("a connection from "+c.RemoteAddr().String()))
		defer c.Close()
		packet := make([]byte, 1<<16)
		for {
			n, err := c.Read(packet)
			e.add(at, packet[:n])
			if err != nil {
				return
			}
		}
	})
}

// resolve adds every question to a name server that knows no name.
func (e *evidence) resolve(t *testing.T, at where) (address string) {
	server, err := net.ListenPacket("udp", "127.0.2.1:53")
	if err != nil {
		t.Fatalf("to be a name server, this test has to run as root: %v", err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		packet := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			e.add(at, packet[:n])
			reply := bytes.Clone(packet[:n])
			if len(reply) > 3 {
				reply[2], reply[3] = 0x81, 0x83 // RFC 1035: there is no such name
			}
			_, _ = server.WriteTo(reply, from)
		}
	}()
	return "127.0.2.1"
}
