// SPDX-License-Identifier: MIT

// Package command shows a user one service's telemetry: whether it is on, which
// reports would leave, which wait. To an author it shows what is wrong with a schema.
// The front carries out the commands that change something: capi/front/command.c.
package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"runspan/internal/border"
	"runspan/internal/schema"
	"runspan/internal/show"
	"runspan/internal/spool"
)

// The results of Run: exit codes.
const (
	Done   = 0
	Failed = 1 // it could not be done; the output says why
)

// Service is a service on this machine, for this user.
type Service struct {
	Name     string
	Schema   *schema.Schema // nil: not known
	Endpoint string         // the URL that reports are sent to; empty: not known
	Spool    string         // the folder of the batches; empty: none
	Off      string         // why telemetry is off, in words; empty: it is on
	Core     string         // where the core is, in words
	Version  string         // runspan's
}

// Request is a command that the front has understood.
type Request struct {
	Command string // status, preview, show or check
	Span    string // of preview; empty: the schema's first
	Last    bool   // of preview: the last report that was sent
	JSON    bool
}

// Run carries out a command for a service and the text of its schema. The text may be
// empty, or not valid.
func Run(service Service, text string, asked Request, to io.Writer) int {
	if asked.Command == "check" {
		out := &output{to: to}
		return code(out, service.check(out, text, asked.JSON))
	}
	s, err := schema.ParseFor(service.Name, text)
	if err != nil && text != "" {
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(to, "%s: schema: %s\n", service.Name, line)
		}
		return Failed
	}
	if err == nil {
		service.Schema, service.Endpoint = s, cmp.Or(service.Endpoint, s.Destination)
	}
	return service.Run(asked, to)
}

// Run carries out a command and writes its output. The result is Failed if the output
// can't be written.
func (s Service) Run(asked Request, to io.Writer) int {
	out := &output{to: to}
	var err error
	switch asked.Command {
	case "status":
		err = s.status(out, asked.JSON)
	case "preview":
		err = s.preview(out, asked)
	case "show":
		err = s.show(out, asked.JSON)
	default:
		err = fmt.Errorf("no command is named %q", asked.Command)
	}
	if err != nil {
		fmt.Fprintf(out, "%s: %v\n", s.Name, err)
	}
	return code(out, err)
}

// code returns the exit code of a command that has written to out.
func code(out *output, err error) int {
	if err != nil || out.err != nil {
		return Failed
	}
	return Done
}

// output remembers the first error of a write, and writes nothing after it.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(text []byte) (written int, err error) {
	if o.err == nil {
		written, o.err = o.to.Write(text)
	}
	return written, o.err
}

// status is the output of the command status, as JSON.
type status struct {
	Service       string     `json:"service"`
	On            bool       `json:"on"`
	Why           string     `json:"why_off,omitempty"`
	Core          string     `json:"core"`
	Endpoint      string     `json:"endpoint,omitempty"`
	Folder        string     `json:"folder,omitempty"`
	Waiting       int        `json:"waiting"`
	WaitingBytes  int64      `json:"waiting_bytes"`
	LastDelivered *time.Time `json:"last_delivered"`
	PausedUntil   *time.Time `json:"paused_until,omitempty"`
}

func (s Service) status(out io.Writer, asJSON bool) error {
	now := status{Service: s.Name, On: s.Off == "", Why: s.Off, Core: s.Core, Endpoint: s.Endpoint, Folder: s.Spool}
	for _, e := range s.entries() {
		now.Waiting++
		now.WaitingBytes += e.Bytes
	}
	if s.Spool != "" {
		if _, at, ok := spool.LastDelivered(s.Spool); ok {
			now.LastDelivered = &at
		}
		if pause := spool.ReadPause(s.Spool); pause.Duration > 0 {
			if until := pause.Start.Add(pause.Duration); until.After(time.Now()) {
				now.PausedUntil = &until
			}
		}
	}
	if asJSON {
		return json.NewEncoder(out).Encode(now)
	}
	state := "on"
	if !now.On {
		state = "off: " + s.Off
	}
	delivered := "no record of it here"
	if now.LastDelivered != nil {
		delivered = inWords(*now.LastDelivered)
	}
	rows := []show.Row{{Field: "telemetry", Value: state}, {Field: "core", Value: s.Core}}
	if s.Endpoint != "" {
		rows = append(rows, show.Row{Field: "sent to", Value: s.Endpoint})
	}
	rows = append(rows, show.Row{Field: "last sent", Value: delivered}, show.Row{Field: "waiting", Value: waiting(now)})
	if now.PausedUntil != nil {
		rows = append(rows, show.Row{Field: "paused until", Value: inWords(*now.PausedUntil)})
	}
	fmt.Fprintln(out, s.Name)
	show.Table(indented{out}, rows)
	return nil
}

func waiting(s status) string {
	switch {
	case s.Folder == "":
		return "nothing: no folder for it (HOME and XDG_STATE_HOME name none)"
	case s.Waiting == 0:
		return "nothing in " + s.Folder
	default:
		return fmt.Sprintf("%d reports, %d bytes, in %s", s.Waiting, s.WaitingBytes, s.Folder)
	}
}

func inWords(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// indented writes each line with two spaces before it.
type indented struct{ out io.Writer }

func (i indented) Write(line []byte) (int, error) {
	if _, err := fmt.Fprintf(i.out, "  %s", line); err != nil {
		return 0, err
	}
	return len(line), nil
}

func (s Service) entries() []spool.Entry {
	if s.Spool == "" {
		return nil
	}
	return spool.Entries(s.Spool)
}

func (s Service) show(out io.Writer, asJSON bool) error {
	for _, e := range s.entries() {
		request, err := e.Request()
		if err == nil && s.Schema != nil {
			err = border.Check(s.Schema, request)
		}
		if err != nil {
			fmt.Fprintf(out, "%s: a batch of %s will not be sent: %v\n", s.Name, inWords(e.Made), err)
			continue
		}
		if !asJSON {
			state := "it waits"
			if e.Held {
				state = "it will be sent only if its run is killed, which goes on now"
			}
			fmt.Fprintf(out, "%s: a report of %s, %s\n", s.Name, inWords(e.Made), state)
		}
		if err := write(out, request, asJSON); err != nil {
			return err
		}
	}
	return nil
}

func write(out io.Writer, request []byte, asJSON bool) error {
	if asJSON {
		text, err := show.JSON(request)
		if err == nil {
			_, err = fmt.Fprintln(out, text)
		}
		return err
	}
	spans, err := show.Spans(request)
	for _, rows := range spans {
		show.Table(out, rows)
		fmt.Fprintln(out)
	}
	return err
}

func (s Service) preview(out io.Writer, asked Request) error {
	if asked.Last {
		if s.Spool != "" {
			if request, at, ok := spool.LastDelivered(s.Spool); ok {
				if !asked.JSON {
					fmt.Fprintf(out, "%s: the last report that was sent, %s\n", s.Name, inWords(at))
				}
				return write(out, request, asked.JSON)
			}
		}
		return errors.New("there is no copy here of a report that was sent")
	}
	if s.Schema == nil {
		return errors.New("its schema is not known")
	}
	names, span := s.Schema.SpanNames(), asked.Span
	if span == "" {
		span = names[0]
	}
	if !slices.Contains(names, span) {
		return fmt.Errorf("no span is named %q; there are: %s", span, strings.Join(names, ", "))
	}
	request, err := example(s.Schema, span)
	if err != nil {
		return err
	}
	if !asked.JSON {
		fmt.Fprintf(out, "%s: an example of the report of a run of %s; the spans are %s\n", s.Name, span, strings.Join(names, ", "))
	}
	return write(out, request, asked.JSON)
}
