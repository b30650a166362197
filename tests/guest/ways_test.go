// SPDX-License-Identifier: MIT

package guest_test

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// way is where the core of a host runs.
type way int

const (
	inHost way = iota
	beside
	byRule
)

var allWays = []way{byRule, inHost, beside} // as the table has them

func (w way) String() string {
	return [...]string{"in the host", "beside the host", "by the rule"}[w]
}

// tried are the ways that are tried. An emulator runs the host; the kernel does not
// execute the program beside it, which is another CPU's. Where the rule has the core in
// the host, that way is tried once, unless -ways asks for both.
func (s situation) tried() []way {
	switch {
	case *under != "":
		return []way{inHost}
	case s.rule == inHost && s.byRule == nil && !*everyWay:
		return []way{byRule, beside}
	}
	return allWays
}

// variables have a host's core run there.
func (w way) variables() []string {
	switch w {
	case inHost:
		return []string{"RUNSPAN_OUT_OF_PROCESS=0"}
	case beside:
		return []string{"RUNSPAN_OUT_OF_PROCESS=1"}
	}
	return nil
}

// in is the situation as it is with the core there: by the rule it is as in the way
// that the rule takes.
func (s situation) in(w way) situation {
	taken := w
	if w == byRule {
		taken = s.rule
	}
	if taken == beside {
		s.adds, s.felt = nil, nil
		if s.beside != nil {
			s.beside(&s)
		}
	}
	if w == byRule && s.byRule != nil {
		s.byRule(&s)
	}
	s.rule = taken
	return s
}

// row is a row of the table: what becomes of the report in each way, by language. An
// empty text is not known.
type row struct {
	text    string
	rule    way
	ends    []string
	reports [len(languages)][3]string
}

var adding sync.Mutex

func (r *row) add(language int, w way, report, ends string) {
	adding.Lock()
	defer adding.Unlock()
	r.reports[language][w] = report
	if !slices.Contains(r.ends, ends) {
		r.ends = append(r.ends, ends)
	}
}

// hosts are the languages of the row.
func (r row) hosts() (names []string) {
	for i, reports := range r.reports {
		if slices.ContainsFunc(reports[:], func(report string) bool { return report != "" }) {
			names = append(names, languages[i])
		}
	}
	return names
}

// cell is the report in one way. Languages are named where they differ.
func (r row) cell(w way) string {
	var reports []string
	by := make(map[string][]string)
	for i, of := range r.reports {
		report := of[w]
		if report == "" {
			continue
		}
		if by[steady(report)] == nil {
			reports = append(reports, report)
		}
		by[steady(report)] = append(by[steady(report)], languages[i])
	}
	if len(reports) == 1 {
		return reports[0]
	}
	for i, report := range reports {
		reports[i] = strings.Join(by[steady(report)], ", ") + ": " + report
	}
	return strings.Join(reports, "<br>")
}

// line is the row in Markdown. A way that does what the rule's does has an empty cell.
func (r row) line() string {
	cells := []string{r.text, strings.Join(r.hosts(), ", "), strings.Join(r.ends, ", "), r.cell(byRule)}
	if r.rule == beside {
		cells[3] = besideThen + cells[3]
	}
	for _, w := range allWays[1:] {
		cell := r.cell(w)
		if steady(cell) == steady(r.cell(byRule)) {
			cell = ""
		}
		cells = append(cells, cell)
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

const tableHead = "| situation | hosts | without runspan, and with it | by the rule | in the host, if that differs | beside the host, if that differs |\n| --- | --- | --- | --- | --- | --- |"

// besideThen is before the cell by the rule, where the rule has the core beside the host.
const besideThen = "beside: "

// readRow reads a row of the table.
func readRow(line string) (r row) {
	cells := strings.Split(strings.Trim(line, "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	cells[3] = strings.TrimPrefix(cells[3], besideThen)
	r.text, r.ends = cells[0], strings.Split(cells[2], ", ")
	for i, w := range allWays {
		cell := cells[3+i]
		if cell == "" {
			cell = cells[3]
		}
		for language, name := range languages {
			if slices.Contains(strings.Split(cells[1], ", "), name) {
				r.reports[language][w] = reportOf(cell, name)
			}
		}
	}
	return r
}

// reportOf is a language's report in a cell.
func reportOf(cell, language string) string {
	for _, part := range strings.Split(cell, "<br>") {
		names, report, _ := strings.Cut(part, ": ")
		named := strings.Split(names, ", ")
		if slices.Contains(named, language) {
			return report
		}
		if !slices.ContainsFunc(named, func(name string) bool { return slices.Contains(languages[:], name) }) {
			return part
		}
	}
	return ""
}

// compare has a run be as the row says.
func (r row) compare(t *testing.T, language int, w way, report, ends string) {
	t.Helper()
	if want := r.reports[language][w]; steady(report) != steady(want) || !slices.Contains(r.ends, ends) {
		t.Errorf("it ends with %s, and the report is %q; docs/guest.md has %s and %q (./build.sh docs writes the table)", ends, report, r.ends, want)
	}
}

var (
	figures = regexp.MustCompile(`felt: \d+`)
	atAny   = strings.NewReplacer("next run, as aborted", "next run, as aborted", "reported by the next run", "reported")
)

// steady is a report without what is chance: whether it came at once or with the next
// run, on a busy machine, and the figure of how a host feels the core.
func steady(report string) string {
	return figures.ReplaceAllString(atAny.Replace(report), "felt: N")
}
