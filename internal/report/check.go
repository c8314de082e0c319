package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"echod/check"
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

var checkTemplate = template.Must(template.New("check").Parse(checkHTML))

// checkPage is the input of the template.
type checkPage struct {
	page
	Kind     string
	Grid     grid
	Wide     bool // the grid has a column for each of several results
	Sections []checkSection
}

// checkSection is one result: its verdict, where it comes from, and its findings.
type checkSection struct {
	Name     string // "" if there is only one
	Verdict  check.Verdict
	Sign     string
	Summary  string
	Facts    []check.Row
	Findings []checkFinding
}

type checkFinding struct {
	check.Finding
	ID string // of its element
}

// Also returns the rules that fail for the same reason.
func (f checkFinding) Also() string { return strings.Join(f.AlsoFailed, ", ") }

// Command reports whether a value is there to be copied.
func (f checkFinding) Command(label string) bool {
	return label == "repeat" || label == "got" || label == "want"
}

// WriteCheckHTML writes the result of a check as a self-contained page: the verdict, a grid of the
// rules, and an explanation of each failure. Several results share one grid.
func WriteCheckHTML(w io.Writer, checks []Check) error {
	p := checkPage{Kind: "echod check", Wide: len(checks) > 1}
	if p.Wide {
		p.page = newPage(fmt.Sprintf("%d checks", len(checks)))
		p.Grid = gridOf(checks)
	} else {
		columns := checks[0].Columns()
		p.page = newPage(titleOf(columns))
		p.Grid = newGrid(columns)
		p.Grid.note(checks[0].Checked)
	}
	p.Style += template.CSS(checkCSS)
	p.Policy = "default-src 'none'; style-src " + digest(string(p.Style))
	for i, c := range checks {
		s := checkSection{Verdict: c.Verdict(), Sign: signOf(c.Verdict()), Summary: c.Summary(), Facts: facts(c.Columns())}
		if p.Wide {
			s.Name = c.Name
		}
		for n, f := range c.Findings() {
			s.Findings = append(s.Findings, checkFinding{f, fmt.Sprintf("finding-%d-%d", i+1, n+1)})
		}
		p.Sections = append(p.Sections, s)
	}
	p.Grid.link(p.Sections)
	var b strings.Builder
	if err := checkTemplate.Execute(&b, p); err != nil {
		return err
	}
	return writeMarkup(w, b.String())
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

// facts returns what is true of a whole result: its targets, the path and the seed.
func facts(columns []check.Column) (rows []check.Row) {
	var first *check.Report
	for _, c := range columns {
		if c.Report == nil {
			continue
		}
		first = cmp.Or(first, c.Report)
		label := strings.ToLower(c.Name)
		if len(columns) == 1 {
			label = "target"
		}
		value := c.Report.Target.String()
		if c.Report.Path != (check.Path{}) {
			value += "; " + c.Report.Path.String()
		}
		rows = append(rows, check.Row{Label: label, Value: value})
	}
	if first != nil {
		rows = append(rows, check.Row{Label: "seed", Value: strconv.FormatUint(first.Seed(), 10)})
		if first.Echod != "" {
			rows = append(rows, check.Row{Label: "echod", Value: first.Echod})
		}
	}
	return rows
}
