package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"echod/check"
)

// grid is a table of verdicts: a row for each rule, a column for each report.
type grid struct {
	Heads []gridHead
	Rows  []gridRow
	Timed bool // the rows say how long the rules took
}

// gridHead is what is above a column.
type gridHead struct {
	Name    string
	Section int // which of several results it belongs to
}

type gridRow struct {
	Rule  string
	Link  string // of its explanation; "" if there is none
	Cells []gridCell
	Took  string // how long the rule took; "" if there are several reports
	Note  string // in a few words
}

// gridCell is one verdict. Its sign distinguishes it without colour.
type gridCell struct {
	Verdict check.Verdict // "" if the rule did not run
	Sign    string
	Words   string // for those who do not see the sign
	Title   string // Words, with where this is
	Link    string // of an explanation; "" if there is none
}

// verdictSign is the sign of a verdict, and what it means.
type verdictSign struct {
	verdict check.Verdict
	sign    string
	meaning string
}

// verdictSigns are those of the verdicts. A failure has the letter of its class where there is no
// word beside it.
var verdictSigns = []verdictSign{
	{check.Pass, "✓", "the rule passes"}, {check.Fail, "✗", "it fails"}, {check.Skip, "–", "it was skipped"},
	{check.Error, "?", "the result is inconclusive"}, {"", "·", "it did not run"},
}

func signOf(v check.Verdict) string {
	return verdictSigns[slices.IndexFunc(verdictSigns, func(s verdictSign) bool { return s.verdict == v })].sign
}

// letters abbreviate the classes of failures. Each class that a rule can fail with has its own.
var letters = map[check.Class]string{
	check.PrematureEOF: "F", check.Reset: "R", check.Timeout: "T", check.Late: "L", check.Silent: "S",
	check.Corrupt: "B", check.Truncated: "N", check.ExtraBytes: "X", check.Unbounded: "U", check.Answered: "A",
	check.WrongSource: "W", check.Refused: "C", check.Unreachable: "H", check.DNS: "D", check.TLS: "Z",
	check.Local: "M", check.TooLong: "G",
}

// Word returns the verdict as a word.
func (c gridCell) Word() string { return cmp.Or(string(c.Verdict), "not run") }

// Legend explains the signs and letters in the grid.
func (g grid) Legend() string {
	used := map[string]bool{}
	for _, row := range g.Rows {
		for _, cell := range row.Cells {
			used[cell.Sign] = true
		}
	}
	var words, classes []string
	for _, s := range verdictSigns {
		if used[s.sign] {
			words = append(words, s.sign+" "+s.meaning)
		}
	}
	for _, c := range check.Classes() {
		if used[letters[c.Class]] {
			classes = append(classes, letters[c.Class]+" "+string(c.Class)+": "+c.Meaning)
		}
	}
	legend := strings.Join(words, ", ") + "."
	if classes != nil {
		legend += " A letter is the class of a failure: " + strings.Join(classes, "; ") + "."
	}
	return legend
}

// newGrid returns the grid of the reports of one result.
func newGrid(columns []check.Column) (g grid) {
	for _, c := range columns {
		g.Heads = append(g.Heads, gridHead{Name: c.Name})
	}
	for _, rule := range check.RulesOf(columns) {
		row := gridRow{Rule: rule}
		for _, c := range columns {
			row.Cells = append(row.Cells, newCell(c.Report, rule))
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

func newCell(r *check.Report, rule string) gridCell {
	if r == nil {
		r = new(check.Report)
	}
	result := r.Result(rule)
	cell := gridCell{Verdict: result.Verdict, Sign: signOf(result.Verdict)}
	cell.Words = cell.Word()
	if note := result.Note(); note != "" {
		cell.Words += ": " + note
	}
	return cell
}

// columnsOf returns the columns that c has in a grid of that many results. A comparison that is one
// of several has only the path, which all others are about.
func columnsOf(c Check, results int) []check.Column {
	all := c.Columns()
	if _, ok := c.Checked.(*check.Comparison); ok && results > 1 {
		return all[:1]
	}
	return all
}

// gridOf returns the grid of results in which a letter says how a rule fails.
func gridOf(checks []Check) grid {
	var columns []check.Column
	var sections []int
	for i, c := range checks {
		all := columnsOf(c, len(checks))
		for _, column := range all {
			name := c.Name
			if len(all) > 1 {
				name += " " + column.Name
			}
			columns, sections = append(columns, check.Column{Name: name, Report: column.Report}), append(sections, i)
		}
	}
	g := newGrid(columns)
	for i, section := range sections {
		g.Heads[i].Section = section
	}
	for _, row := range g.Rows {
		for i := range row.Cells {
			if cell := &row.Cells[i]; cell.Verdict == check.Fail {
				cell.Sign = cmp.Or(letters[columns[i].Report.Result(row.Rule).Class], cell.Sign)
			}
			row.Cells[i].Title = columns[i].Name + ", " + row.Rule + ": " + row.Cells[i].Words
		}
	}
	return g
}

// annotate adds what the text report says about each rule in a few words, and how long it took if
// there is one report.
func (g *grid) annotate(c check.Checked) {
	one, timed := c.(*check.Report)
	g.Timed = timed
	for i := range g.Rows {
		row := &g.Rows[i]
		row.Note = c.Note(row.Rule)
		if timed && one.Result(row.Rule).Verdict != check.Skip {
			row.Took = one.Result(row.Rule).Took()
		}
	}
}

// link links each failure to the explanation of its rule, and each column to its section. A grid of
// one section links its rules.
func (g *grid) link(sections []checkSection) {
	for i, s := range sections {
		links := map[string]string{}
		for _, f := range s.Findings {
			for _, rule := range append([]string{f.Rule}, f.AlsoFailed...) {
				links[rule] = cmp.Or(links[rule], "#"+f.ID)
			}
		}
		for r := range g.Rows {
			row := &g.Rows[r]
			if len(sections) == 1 {
				row.Link = links[row.Rule]
				continue
			}
			for c := range row.Cells {
				if v := row.Cells[c].Verdict; g.Heads[c].Section == i && (v == check.Fail || v == check.Error) {
					row.Cells[c].Link = links[row.Rule]
				}
			}
		}
	}
}

// failing says of how many results a rule fails.
func failing(checks []Check) string {
	failed := 0
	for _, c := range checks {
		if c.Verdict() == check.Fail {
			failed++
		}
	}
	return fmt.Sprintf("A rule fails in %d of %s", failed, count(len(checks), "check", "checks"))
}
