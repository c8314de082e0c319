package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"echod/check"
	"echod/internal/agent"
	"echod/internal/sequence"
	"echod/internal/trace"
)

// Check is a result of echod check.
type Check struct {
	Name string // needed where there are several
	check.Checked
}

var (
	//go:embed page/check.html
	checkHTML string
	//go:embed page/check.css
	checkCSS string
)

var checkTemplate = newTemplate("check", checkHTML)

// checkPage is the input of the template.
type checkPage struct {
	page
	Kind     string
	Whole    *checkSection // the verdict on everything; nil if there are several results
	Grid     grid
	Wide     bool // the grid has a column for each of several sections
	Sections []checkSection
}

// checkSection is one result: its verdict, where it comes from, and its findings.
type checkSection struct {
	ID       string // of its element
	Name     string // "" if there is only one
	Verdict  check.Verdict
	Sign     string
	Summary  string
	Facts    []check.Row
	Notes    []check.Row // on rules that are not among the findings
	Findings []checkFinding
}

type checkFinding struct {
	check.Finding
	ID string // of its element
}

// Also returns the rules that fail for the same reason.
func (f checkFinding) Also() string { return strings.Join(f.AlsoFailed, ", ") }

// Life returns the life of the connection on which the rule failed; nil if there is none.
func (f checkFinding) life() *sequence.Life { return sequence.Of(trace.Client, f.Finding.Life) }

// Picture draws that life; "" if there is none.
func (f checkFinding) Picture() template.HTML {
	life := f.life()
	if life == nil {
		return ""
	}
	return template.HTML(life.Exchange(f.Rule, farEnd(f.Agent)))
}

// Steps returns that life as text.
func (f checkFinding) Steps() string { return f.life().Text() }

// farEnd returns what the agent has told; nil if it has told nothing.
func farEnd(a *check.AgentReport) *sequence.Far {
	if a == nil {
		return nil
	}
	end := time.Duration(a.EndMS) * time.Millisecond
	far := &sequence.Far{Name: "agent", Received: a.Received, Sent: a.Sent, FIN: a.End == agent.FIN, RST: a.End == agent.Reset, At: end}
	switch a.End {
	case agent.FIN, agent.Reset:
	case agent.Open:
		far.Words = fmt.Sprintf("no end until +%v", time.Duration(a.TotalMS)*time.Millisecond)
	case agent.Acted:
		far.Words = fmt.Sprintf("+%v it ended the connection", end)
	default:
		far.Words = strings.TrimSuffix(fmt.Sprintf("+%v %s: %s", end, a.End, a.Error), ": ")
	}
	return far
}

// Command reports whether a value is there to be copied.
func (f checkFinding) Command(label string) bool {
	return label == "repeat" || label == "got" || label == "want"
}

// WriteCheckHTML writes the result of a check as a self-contained page: the verdict, a grid of the
// rules, and an explanation of each failure. Several results, or addresses, share one grid.
func WriteCheckHTML(w io.Writer, checks []Check) error {
	p := checkPage{Kind: "echod check", page: newPage(fmt.Sprintf("%d checks", len(checks)))}
	parts := checks
	p.Lead = failing(checks) + "."
	if len(checks) == 1 {
		whole := newSection(checks[0])
		parts = addressesOf(checks[0])
		p.Whole, p.Title = &whole, titleOf(checks[0].Columns())
	}
	p.Wide = len(parts) > 1
	if p.Wide {
		p.Grid = gridOf(parts)
	} else {
		p.Grid = newGrid(parts[0].Columns())
		p.Grid.annotate(parts[0].Checked)
	}
	for i, c := range parts {
		s := newSection(c)
		for n, f := range c.Findings() {
			s.Findings = append(s.Findings, checkFinding{f, fmt.Sprintf("finding-%d-%d", i+1, n+1)})
		}
		if p.Wide {
			s.ID, s.Name, s.Notes = sectionID(i), c.Name, notesOf(c.Checked)
		}
		p.Sections = append(p.Sections, s)
	}
	p.Grid.link(p.Sections)
	p.Style += template.CSS(checkCSS + sequence.Style)
	p.Policy = "default-src 'none'; style-src " + digest(string(p.Style))
	var b strings.Builder
	if err := checkTemplate.Execute(&b, p); err != nil {
		return err
	}
	return writeMarkup(w, b.String())
}

func sectionID(i int) string { return fmt.Sprintf("check-%d", i+1) }

// ID returns that of the element of the section.
func (h gridHead) ID() string { return sectionID(h.Section) }

func newSection(c Check) checkSection {
	return checkSection{Verdict: c.Verdict(), Sign: signOf(c.Verdict()), Summary: c.Summary(), Facts: c.Facts()}
}

// addressesOf returns a result for each address of c, or c if it does not consist of several.
func addressesOf(c Check) []Check {
	all, ok := c.Checked.(check.AddressReports)
	if !ok {
		return []Check{c}
	}
	var each []Check
	for _, a := range all {
		one := Check{a.Target.Address, check.AddressReports{a}}
		if a.Report != nil {
			one.Checked = a.Report
		}
		each = append(each, one)
	}
	return each
}

// notesOf returns what is said about the rules of c that no finding explains.
func notesOf(c check.Checked) (notes []check.Row) {
	explained := map[string]bool{}
	for _, f := range c.Findings() {
		explained[f.Rule] = true
	}
	for _, rule := range check.RulesOf(c.Columns()) {
		if note := c.Note(rule); note != "" && !explained[rule] {
			notes = append(notes, check.Row{Label: rule, Value: note})
		}
	}
	return notes
}

// writeMarkup writes text with U+FFFD in place of the characters that XML does not allow (XML 1.0,
// section 2.2). A peer that a check has met can have sent them.
func writeMarkup(w io.Writer, text string) error {
	_, err := io.WriteString(w, strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, text))
	return err
}

// titleOf returns what was checked: the first target that was reached.
func titleOf(columns []check.Column) string {
	for _, c := range columns {
		if c.Report != nil {
			return c.Report.Target.String()
		}
	}
	return "nothing was reached"
}
