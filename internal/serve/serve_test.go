// SPDX-License-Identifier: MIT

package serve

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"runspan/internal/contract"
	"runspan/internal/schema"
	"runspan/internal/spool"
)

const toolSchema = `{"service": "tool", "destination": "https://127.0.0.1:1/", "spans": {"sort": "It sorts."},
	"attributes": {
		"k": {"type": "int", "spans": ["sort"], "description": "A number."},
		"aborted": {"type": "bool", "source": "aborted", "spans": ["sort"], "description": "It was killed."}
	}}`

// front is the other side of a server.
type front struct {
	*testing.T
	conn  io.ReadWriteCloser
	ended chan error
}

func start(t *testing.T) *front { return startBeside(t, os.Getpid()) }

func startBeside(t *testing.T, host int) *front {
	t.Helper()
	ours, theirs := pair(t)
	f := &front{T: t, conn: ours, ended: make(chan error, 1)}
	go func() { f.ended <- Run(theirs, host, "1.2.3") }()
	if code, lines := f.answer(f.conn); code != contract.Done || string(lines) != "1.2.3\x00" {
		t.Fatalf("the greeting is %d, %q", code, lines)
	}
	return f
}

func (f *front) answer(from io.Reader) (contract.Code, []byte) {
	f.Helper()
	header := make([]byte, 24)
	if _, err := io.ReadFull(from, header); err != nil {
		f.Fatal(err)
	}
	lines := make([]byte, order.Uint32(header))
	if _, err := io.ReadFull(from, lines); err != nil {
		f.Fatal(err)
	}
	return contract.Code(order.Uint32(header[4:])), lines
}

func frame(number uint32, handle uint64, arguments []byte) []byte {
	b := order.AppendUint32(nil, uint32(len(arguments)))
	b = order.AppendUint32(b, number)
	return append(order.AppendUint64(b, handle), arguments...)
}

func appendText(b []byte, text string) []byte {
	return append(order.AppendUint32(b, uint32(len(text))), text...)
}

// call makes a call that does not wait.
func (f *front) call(number uint32, handle uint64, arguments []byte) contract.Code {
	f.Helper()
	if _, err := f.conn.Write(frame(number, handle, arguments)); err != nil {
		f.Fatal(err)
	}
	code, _ := f.answer(f.conn)
	return code
}

// wait makes a call that may wait.
func (f *front) wait(number uint32, handle uint64, arguments []byte) contract.Code {
	f.Helper()
	code, _ := f.answer(sendCall(f.T, f.conn, frame(number, handle, arguments)))
	return code
}

// open opens the client 1, which stores reports in the folder.
func (f *front) open(folder string) {
	f.Helper()
	b := order.AppendUint32(nil, 0)
	for _, text := range []string{"tool", toolSchema, "", folder, "", "", "", "", "", "", ""} {
		b = appendText(b, text)
	}
	if code := f.wait(callOpen, 1, b); code != contract.Done {
		f.Fatalf("open: %d", code)
	}
}

// begin begins the span 2 of the client 1.
func (f *front) begin() {
	f.Helper()
	if code := f.call(callBegin, 1, appendText(order.AppendUint64(nil, 2), "sort")); code != contract.Done {
		f.Fatalf("begin: %d", code)
	}
}

func attribute(key string, v uint64) []byte {
	return order.AppendUint64(append(appendText(nil, key), 'i'), v)
}

func (f *front) end() {
	f.Helper()
	_ = f.conn.Close()
	select {
	case err := <-f.ended:
		if err != nil {
			f.Error(err)
		}
	case <-time.After(schema.MaxLinger + 10*time.Second):
		f.Fatal("it does not end")
	}
}

func reports(t *testing.T, folder string) (all []string) {
	t.Helper()
	for _, e := range spool.Entries(folder) {
		request, err := e.Request()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(request))
	}
	return all
}

func TestARunIsReportedAndRefusalsHaveTheirCodes(t *testing.T) {
	f, folder := start(t), t.TempDir()+"/runspan/tool"
	f.open(folder)
	f.begin()
	for _, c := range []struct {
		name      string
		number    uint32
		handle    uint64
		arguments []byte
		want      contract.Code
	}{
		{"an attribute", callSet, 2, attribute("k", 3), contract.Done},
		{"another key", callSet, 2, attribute("other", 3), contract.EName},
		{"another type", callSet, 2, appendText(append(appendText(nil, "k"), 's'), "x"), contract.EType},
		{"a list", callSetList, 2, []byte("k\x00i7\x00"), contract.Done},
		{"half a list", callSetList, 2, []byte("k\x00i7"), contract.EArgument},
		{"another span", callSet, 3, attribute("k", 3), contract.EHandle},
		{"too late", callSetResource, 1, attribute("k", 3), contract.EName},
		{"state", callState, 1, nil, contract.Done},
		{"another client's state", callState, 9, nil, contract.EHandle},
		{"a status that there is not", callEnd, 2, order.AppendUint32(nil, 9), contract.EArgument},
		{"no arguments", callSet, 2, nil, contract.EArgument},
		{"a text that is longer than the call", callSetName, 2, order.AppendUint32(nil, 1<<20), contract.EArgument},
		{"a call that there is not", 99, 2, nil, contract.EArgument},
		{"end", callEnd, 2, order.AppendUint32(nil, 1), contract.Done},
		{"end again", callEnd, 2, order.AppendUint32(nil, 1), contract.EHandle},
	} {
		if code := f.call(c.number, c.handle, c.arguments); code != c.want {
			t.Errorf("%s: %d, want %d", c.name, code, c.want)
		}
	}
	if code := f.wait(callClose, 1, order.AppendUint32(nil, 0)); code != contract.NotDelivered {
		t.Errorf("close: %d", code)
	}
	f.end()
	if all := reports(t, folder); len(all) != 1 || strings.Contains(all[0], "aborted") || !strings.Contains(all[0], "sort") {
		t.Errorf("%q", all)
	}
}

// The numbers of the calls are the places of the functions in capi/front/core.h; the
// others are frame.h's.
func TestTheNumbersAreTheHeaders(t *testing.T) {
	header, err := os.ReadFile("../../capi/front/core.h")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^    F\([^,]+, (\w+),`).FindAllSubmatch(header, -1) {
		names = append(names, string(m[1]))
	}
	want := []string{
		callUsable: "usable", callVersion: "version", callOpen: "open", callSetResource: "set_resource", callBegin: "begin",
		callSetName: "set_name", callSet: "set", callSetList: "set_list", callSetError: "set_error", callEnd: "end",
		callFlush: "flush", callClose: "close", callState: "state", callCommand: "command",
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", names, want)
	}
	frames, err := os.ReadFile("../../capi/front/frame.h")
	if err != nil {
		t.Fatal(err)
	}
	for text, same := range map[string]bool{
		"#define RS_NULL UINT32_MAX\n":                    null == 1<<32-1,
		"#define RS_LOG (1u << 31)\n":                     flagLog == 1<<31,
		"#define RS_HANDED_OVER (1u << 30)\n":             flagHandedOver == 1<<30,
		"#define RS_ARGUMENTS_MAX ((uint32_t)17 << 20)\n": maxArgs == 17<<20,
	} {
		if !same || !bytes.Contains(frames, []byte(text)) {
			t.Errorf("another number: %s", text)
		}
	}
}
