package page

import (
	"fmt"
	"slices"
	"strings"

	"echod/lab/matrix/lab"
)

// summary is one row a setup.
func (p *paper) summary() {
	p.line("## Summary\n\n| | program | version | configuration | verdict | what fails |\n|---|---|---|---|---|---|")
	for i, o := range p.outcomes {
		if o.Report == nil {
			continue
		}
		p.line("| [%d](matrix/%s) | %s | %s | %s | %s | %s |", i+1, fileOf(i, o), o.Program, o.Version,
			o.Setup.Name, verdict(o.Report), strings.Join(failed(o.Report), ", "))
	}
	p.line("")
}

func verdict(r *lab.Report) string {
	fail, pass, doubt := r.Count("fail"), r.Count("pass"), r.Count("error")
	switch {
	case fail > 0:
		return fmt.Sprintf("%d of %d fail", fail, fail+pass+doubt)
	case doubt > 0:
		return "inconclusive"
	}
	return fmt.Sprintf("honest: %d pass", pass)
}

// failed are the rules that failed, without what all begin with.
func failed(r *lab.Report) []string {
	var all []string
	for _, result := range r.Results {
		if result.Verdict == "fail" {
			all = append(all, short(result.Rule))
		}
	}
	return all
}

// letters stand for how a rule failed, where there is no room for the word.
var letters = []struct{ class, letter, means string }{
	{"premature-eof", "F", "a FIN too early (premature-eof)"},
	{"reset", "R", "a reset"},
	{"timeout", "T", "what was due did not come (timeout)"},
	{"late", "L", "it came too late (late)"},
	{"silent", "S", "no FIN, no reset, no data (silent)"},
	{"refused", "C", "the connect was refused"},
	{"unbounded", "U", "everything is taken in (unbounded)"},
}

// grid is rule by rule, a column a setup.
func (p *paper) grid() {
	p.line("## Rule by rule\n\nThe columns are the rows of the summary. ✓ passes. A letter is how the rule failed:\n%s"+
		". – was not asked or does not apply, ? inconclusive.\n", p.legend())
	var head, rule strings.Builder
	for i, o := range p.outcomes {
		if o.Report != nil {
			fmt.Fprintf(&head, " %d |", i+1)
			rule.WriteString(":-:|")
		}
	}
	p.line("| rule |%s\n|---|%s", &head, &rule)
	for _, rule := range p.rules() {
		row := "| " + link(rule) + " |"
		for _, o := range p.outcomes {
			if o.Report != nil {
				row += " " + mark(o.Report, rule) + " |"
			}
		}
		p.line("%s", row)
	}
	p.line("")
}

// legend explains the letters that the grid has.
func (p *paper) legend() string {
	var used []string
	for _, o := range p.outcomes {
		if o.Report == nil {
			continue
		}
		for _, r := range o.Report.Results {
			used = append(used, r.Class)
		}
	}
	var words []string
	for _, l := range letters {
		if slices.Contains(used, l.class) {
			words = append(words, fmt.Sprintf("**%s** %s", l.letter, l.means))
		}
	}
	return strings.Join(words, ", ")
}

func mark(report *lab.Report, rule string) string {
	r, ok := report.Find(rule)
	switch {
	case !ok || r.Verdict == "skip":
		return "–"
	case r.Verdict == "pass":
		return "✓"
	case r.Verdict != "fail":
		return "?"
	}
	for _, l := range letters {
		if l.class == r.Class {
			return "**" + l.letter + "**"
		}
	}
	return "**" + r.Class + "**"
}
