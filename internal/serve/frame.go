// SPDX-License-Identifier: MIT

package serve

import (
	"encoding/binary"
	"errors"
	"math"

	"runspan/internal/contract"
	"runspan/internal/courier"
	"runspan/internal/telemetry"
)

// The calls, in the order of RUNSPAN_CORE_FUNCTIONS in capi/front/core.h.
const (
	callUsable = iota
	callVersion
	callOpen
	callSetResource
	callBegin
	callSetName
	callSet
	callSetList
	callSetError
	callEnd
	callFlush
	callClose
	callState
	callCommand
)

// Numbers of capi/front/frame.h.
const (
	callBytes      = 16
	lineBytes      = 9 // of a log line, besides its text
	maxArgs        = 17 << 20
	null           = math.MaxUint32
	flagLog        = 1 << 31
	flagHandedOver = 1 << 30
)

var order = binary.NativeEndian

var errFrame = errors.New("the arguments of a call are not whole")

// call is a call of the front's.
type call struct {
	number uint32
	handle uint64
	args
}

// args are the arguments that are not read yet. The first error stays.
type args struct {
	left []byte
	err  error
}

func (a *args) take(n int) []byte {
	if a.err != nil || n > len(a.left) {
		a.err = errFrame
		return nil
	}
	taken := a.left[:n]
	a.left = a.left[n:]
	return taken
}

func (a *args) uint32() uint32 {
	if b := a.take(4); b != nil {
		return order.Uint32(b)
	}
	return 0
}

func (a *args) uint64() uint64 {
	if b := a.take(8); b != nil {
		return order.Uint64(b)
	}
	return 0
}

// text returns "" for NULL.
func (a *args) text() string {
	length := a.uint32()
	if length == null {
		return ""
	}
	text := string(a.take(int(length)))
	contract.TestHook(text)
	return text
}

func (a *args) config(version string) (config telemetry.Config, log bool) {
	flags := a.uint32()
	if flags&flagHandedOver != 0 && a.text() != version {
		a.err = errFrame
	}
	config = telemetry.Config{
		Service:  a.text(),
		Schema:   a.text(),
		Version:  version,
		Endpoint: a.text(),
		Folder:   a.text(),
		Network: courier.Network{
			Proxy:          a.text(),
			ProxyVariable:  a.text(),
			NoProxy:        a.text(),
			CertFile:       a.text(),
			CertDir:        a.text(),
			RequestsBundle: a.text(),
			CurlBundle:     a.text(),
		},
		Preview: flags&contract.FlagPreview != 0,
		Table:   flags&contract.FlagTable != 0,
		Strict:  flags&contract.FlagStrict != 0,
	}
	return config, flags&flagLog != 0
}

func (a *args) value() (v telemetry.Value) {
	kind := a.take(1)
	if kind == nil {
		return v
	}
	v.Kind = telemetry.Kind(kind[0])
	switch v.Kind {
	case telemetry.String:
		v.Text = a.text()
	case telemetry.Int, telemetry.Bool:
		v.Int = int64(a.uint64())
		v.Bool = v.Int != 0
	case telemetry.Double:
		v.Double = math.Float64frombits(a.uint64())
	case telemetry.Texts:
		count := a.uint32()
		if count == null {
			return telemetry.LongList()
		}
		for ; count > 0 && a.err == nil; count-- {
			v.Texts = append(v.Texts, a.text())
		}
	}
	return v
}

// attribute calls a function that sets an attribute, with the handle and the arguments.
func (a *args) attribute(set func(uint64, string, telemetry.Value) error, handle uint64) error {
	key, v := a.text(), a.value()
	if a.err != nil {
		return a.err
	}
	return set(handle, key, v)
}

func (a *args) request() contract.Request {
	r := contract.Request{Last: a.uint32() != 0, JSON: a.uint32() != 0, Name: a.text(), WhyOff: a.text(), Core: a.text()}
	for count := a.uint32(); count > 0 && a.err == nil; count-- {
		r.Words = append(r.Words, a.text())
	}
	return r
}

// answer returns an answer with the log lines of the call's client.
func answer(code contract.Code, exitStatus int, client uint64, lines []byte) []byte {
	b := order.AppendUint32(make([]byte, 0, 24+len(lines)), uint32(len(lines)))
	b = order.AppendUint32(b, uint32(code))
	b = order.AppendUint32(b, uint32(exitStatus))
	b = order.AppendUint64(order.AppendUint32(b, 0), client)
	return append(b, lines...)
}

func appendLine(b []byte, line telemetry.Line) []byte {
	b = order.AppendUint32(b, uint32(contract.Levels[line.Level]))
	b = order.AppendUint32(b, uint32(len(line.Text)))
	return append(append(b, line.Text...), 0)
}
