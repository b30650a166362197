// SPDX-License-Identifier: MIT

package telemetry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"runspan/internal/show"
)

// preview is a delivery that logs requests and sends none. It logs OTLP/JSON, or a table.
type preview struct {
	service string
	table   bool
	log     Log
}

func (p preview) Put(request []byte, _ []string) error {
	text, err := show.JSON(request)
	if p.table {
		text, err = p.asTable(request)
	}
	if err == nil {
		p.log(LevelSpan, text)
	}
	return err
}

func (p preview) asTable(request []byte) (string, error) {
	var text strings.Builder
	spans, err := show.Spans(request)
	for _, rows := range spans {
		fmt.Fprintf(&text, "runspan: %s would report this, and reports nothing:\n", p.service)
		show.Table(&text, rows)
	}
	return text.String(), err
}

func (preview) Standby(string, []byte) bool { return false }

func (preview) Expect(func() bool) {}

func (preview) ExitTimeout(budget time.Duration, _ bool) time.Duration { return budget }

func (preview) Flush(context.Context) bool { return true }

func (preview) Finish(context.Context, time.Duration) bool { return true }

func (preview) IsLeft(time.Duration) bool { return false }

func (preview) Close(context.Context) {}
