package check

import (
	"io"
	"slices"
	"strconv"
	"strings"
)

// Finding is what a report explains: a rule that failed, one whose result is inconclusive, or
// a target that is not an echo.
type Finding struct {
	Rule       string // its ID; "" if the target is not an echo
	Verdict    Verdict
	Brief      string   // what was found, in a few words; "" if the target is not an echo
	Rows       []Row    // what was seen, what it means, and what fixes it
	AlsoFailed []string // rules that probably fail for the same reason
	Life       []Step   // of the connection on which the rule failed; see Result
	Agent      *AgentReport
}

// Column is one report of a table of rules.
type Column struct {
	Name   string  // e.g. "PATH"; "" if there is only one
	Report *Report // nil if the target cannot be reached
}

// Checked is what a check has found: a *Report, a *Comparison or AddressReports.
type Checked interface {
	Verdict() Verdict
	Summary() string         // the verdict in one line
	Columns() []Column       // the reports that it consists of
	Findings() []Finding     // what text reports explain, in their order
	Facts() []Row            // where they come from: what was checked, the path to it, the seed
	Note(rule string) string // what a table says about a rule, in a few words
	WriteStyled(w io.Writer, style TextStyle) error
}

// Facts returns what was checked, the addresses that were not, what the path carried, and the seed.
func (r *Report) Facts() []Row { return append(r.about("target"), r.origin()...) }

// about returns what was checked, and how it was reached.
func (r *Report) about(label string) []Row {
	value := r.target()
	if r.Path != (Path{}) {
		value += "; " + r.Path.String()
	}
	rows := []Row{{label, value}}
	for _, line := range r.unchecked() {
		rows = append(rows, Row{"address", line})
	}
	return rows
}

// origin returns what repeats the check.
func (r *Report) origin() []Row {
	rows := []Row{{"seed", strconv.FormatUint(r.Seed(), 10)}}
	if r.Echod != "" {
		rows = append(rows, Row{"echod", r.Echod})
	}
	return rows
}

// Facts returns both targets, and what repeats the check.
func (c *Comparison) Facts() []Row {
	return slices.Concat(c.Path.about("path"), c.Direct.about("direct"), c.Path.origin())
}

// Facts returns all targets that were reached, and what repeats the check.
func (all AddressReports) Facts() (rows []Row) {
	var origin []Row
	for _, a := range all {
		if a.Report != nil {
			rows, origin = append(rows, a.Report.about("target")...), a.Report.origin()
		}
	}
	return append(rows, origin...)
}

// Note returns what tables say about a rule.
func (r *Report) Note(rule string) string { return r.Result(rule).Note() }

// Note returns what tables say about a rule of both reports.
func (c *Comparison) Note(rule string) string {
	for _, compared := range c.Rules {
		if compared.Rule == rule {
			return compared.Note()
		}
	}
	return ""
}

// Note returns what tables say about a rule: once if it is the same for all addresses.
func (all AddressReports) Note(rule string) string {
	var notes, named []string
	for _, a := range all {
		if a.Report == nil {
			continue
		}
		note := a.Report.Note(rule)
		notes = append(notes, note)
		if note != "" {
			named = append(named, a.Target.Address+": "+note)
		}
	}
	if same := slices.Compact(notes); len(same) == 1 {
		return same[0]
	}
	return strings.Join(named, "; ")
}

// Findings returns what is to be explained, in the order of text reports. A failure that
// another one explains has no Finding of its own.
func (r *Report) Findings() (findings []Finding) {
	if r.NotEcho != nil {
		findings = append(findings, Finding{Verdict: Error, Rows: r.NotEcho.rows()})
	}
	for _, result := range r.explainFirst() {
		switch {
		case r.Result(result.ExplainedBy).Verdict == Fail:
		case result.Verdict == Fail:
			findings = append(findings, Finding{result.Rule, Fail, result.Note(), r.rows(result), r.explainedBy(result.Rule), result.Life, result.Agent})
		case result.Verdict == Error && result.Detail != interrupted:
			findings = append(findings, Finding{Rule: result.Rule, Verdict: Error, Brief: "inconclusive: " + result.Note()})
		}
	}
	return findings
}

// Columns returns r alone.
func (r *Report) Columns() []Column { return []Column{{Report: r}} }

// Findings returns what is to be explained, like that of a Report.
func (c *Comparison) Findings() (findings []Finding) {
	if c.NotEcho != nil {
		return []Finding{{Verdict: Error, Rows: c.notEcho().rows()}}
	}
	for _, rule := range c.explainFirst() {
		if rule.Detail != "" && !rule.interrupted() && c.explainedBy(rule) == "" {
			_, result := c.failed(rule)
			findings = append(findings, Finding{rule.Rule, rule.Verdict(), rule.Detail, c.rows(rule), c.explains(rule.Rule), result.Life, result.Agent})
		}
	}
	return findings
}

// Columns returns the report through the path and the direct one.
func (c *Comparison) Columns() []Column { return []Column{{"PATH", c.Path}, {"DIRECT", c.Direct}} }

// Findings returns what is to be explained of each address. Its brief begins with the address.
func (all AddressReports) Findings() (findings []Finding) {
	for _, a := range all {
		if a.Report == nil {
			findings = append(findings, Finding{Verdict: Error, Brief: a.Target.Address + ": " + a.Err.Error()})
			continue
		}
		for _, f := range a.Report.Findings() {
			if f.Brief = a.Target.Address + ": " + f.Brief; f.Rule == "" {
				f.Brief = a.Target.Address + ": " + a.Report.NotEcho.Summary()
			}
			findings = append(findings, f)
		}
	}
	return findings
}

// Columns returns the reports of all addresses.
func (all AddressReports) Columns() (columns []Column) {
	for _, a := range all {
		columns = append(columns, Column{a.Target.Address, a.Report})
	}
	return columns
}

// Note returns what a table says about a rule of both reports, in a few words.
func (c ComparedRule) Note() string {
	note := c.shown().Note()
	if c.Blame != BlameNone && c.Blame != Inconclusive {
		note = string(c.Blame) + ": " + note
	}
	return note
}

// RulesOf returns the rules of the reports, in the order of Rules. Unknown rules come last.
func RulesOf(columns []Column) []string {
	var reports []*Report
	for _, c := range columns {
		if c.Report != nil {
			reports = append(reports, c.Report)
		}
	}
	return ruleOrder(reports...)
}
