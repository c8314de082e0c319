package page

import (
	"fmt"
	"strings"

	"echod/matrix/lab"
	"echod/matrix/programs"
)

// paper is the document as it grows.
type paper struct {
	strings.Builder
	direct   *lab.Report
	outcomes []lab.Outcome
	absent   []programs.Absent
}

func (p *paper) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *paper) text() string {
	p.line("%s", introduction)
	p.summary()
	p.surprises()
	p.grid()
	p.leftOut()
	for i, o := range p.outcomes {
		if o.Report != nil {
			p.setup(i, o)
		}
	}
	return p.String()
}

const introduction = `# The matrix: check, through programs that people use

Written by ` + "`make matrix`" + `; to change it, change matrix/ and run that.

Each program was started between ` + "`echod check`" + ` and an honest echo, all of them
on 127.0.0.1: first as its documentation shows it, then, where there is one, in
the configuration that mends it. Beside the echo an agent ran behind the same
program, for the rules that need to know what the far side saw. The echo alone,
with nothing in between, passed every rule before anything else was run, so what
fails here is the program's. The two inetds are echo servers themselves; they
were checked directly, and without an agent.

A verdict is of this version in this configuration on this day. A program that
fails a rule is not a bad program: many rules are about a half-closed connection,
which most people's protocols never use.

**Confirmed** means: after check was done, the same was tried through the same
running program three times with a client and a far end of a few lines each
([experiments.go](../matrix/lab/experiments.go)) that share no code with check.
`

// summary is one row a setup.
func (p *paper) summary() {
	p.line("## Summary\n\n| | program | version | configuration | verdict | what fails |\n|---|---|---|---|---|---|")
	for i, o := range p.outcomes {
		if o.Report == nil {
			continue
		}
		verdict := "honest"
		if n := o.Report.Count("fail"); n > 0 {
			verdict = fmt.Sprintf("%d of %d fail", n, n+o.Report.Count("pass"))
		}
		p.line("| [%d](matrix/%s) | %s | %s | %s | %s | %s |", i+1, fileOf(i, o), o.Program, o.Version,
			o.Setup.Name, verdict, strings.Join(failed(o.Report), ", "))
	}
	p.line("")
}

func failed(r *lab.Report) []string {
	var all []string
	for _, result := range r.Results {
		if result.Verdict == "fail" {
			all = append(all, strings.TrimPrefix(result.Rule, "stream/"))
		}
	}
	return all
}

// surprises are the remarks, where what they are about has come out so again.
func (p *paper) surprises() {
	p.line("## Surprises\n")
	for _, r := range p.direct.Results {
		if n := p.proxiesThat("fail", r.Rule); n > 0 && p.proxiesThat("pass", r.Rule) == 0 {
			p.line("* **%s: every proxy fails**, in each of %d configurations.", r.Rule, n)
		}
	}
	for _, o := range p.outcomes {
		for _, remark := range o.Setup.Remarks {
			if r, ok := fits(o, remark); ok {
				p.line("* **%s, %s: %s.** %s%s", o.Program, o.Setup.Name, headline(r), remark.Text, plainly(r))
			}
		}
	}
	p.line("")
}

// proxiesThat counts the setups of proxies with this verdict on rule.
func (p *paper) proxiesThat(verdict, rule string) int {
	n := 0
	for _, o := range p.outcomes {
		if o.Report == nil || o.Setup.Itself {
			continue
		}
		if r, ok := o.Report.Find(rule); ok && r.Verdict == verdict {
			n++
		}
	}
	return n
}

func fits(o lab.Outcome, remark lab.Remark) (lab.Result, bool) {
	if o.Report == nil {
		return lab.Result{}, false
	}
	r, ok := o.Report.Find(remark.Rule)
	return r, ok && r.Class == remark.Class && (r.Verdict == "pass") == (remark.Class == "")
}

func headline(r lab.Result) string {
	if r.Class == "" {
		return r.Rule + " passes"
	}
	return r.Rule + " fails with " + r.Class
}

func plainly(r lab.Result) string {
	switch {
	case r.Plain == nil:
		return ""
	case r.Plain.Failed == 0:
		return " Not confirmed with plain sockets, which saw this: " + r.Plain.Saw + "."
	}
	return fmt.Sprintf(" Confirmed with plain sockets in %d of %d tries: %s.", r.Plain.Failed, lab.Times, r.Plain.Saw)
}

// grid is rule by rule, a column a setup.
func (p *paper) grid() {
	p.line("## Rule by rule\n\n✓ passes, ✗ fails, – does not apply or needs what was not there, ? could not be told. " +
		"The columns are the rows above.\n")
	var head, rule strings.Builder
	for i, o := range p.outcomes {
		if o.Report != nil {
			fmt.Fprintf(&head, " %d |", i+1)
			rule.WriteString("---|")
		}
	}
	p.line("| rule |%s\n|---|%s", &head, &rule)
	for _, r := range p.direct.Results {
		row := "| " + r.Rule + " |"
		for _, o := range p.outcomes {
			if o.Report != nil {
				row += " " + mark(o.Report, r.Rule) + " |"
			}
		}
		p.line("%s", row)
	}
	p.line("")
}

func mark(report *lab.Report, rule string) string {
	r, ok := report.Find(rule)
	switch {
	case !ok || r.Verdict == "skip":
		return "–"
	case r.Verdict == "pass":
		return "✓"
	case r.Verdict == "fail":
		return "✗ " + r.Class
	}
	return "?"
}

func (p *paper) leftOut() {
	p.line("## Could not be run\n")
	for _, o := range p.outcomes {
		if o.Report == nil {
			p.line("* **%s**, %s: %s", o.Program, o.Setup.Name, firstLine(o.Reason))
		}
	}
	for _, a := range p.absent {
		p.line("* **%s**: %s", a.Name, a.Reason)
	}
	p.line("")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// setup is everything about one of them.
func (p *paper) setup(i int, o lab.Outcome) {
	p.line("## %d. %s, %s\n", i+1, o.Program, o.Setup.Name)
	p.line("%s, version %s.%s\n", capital(o.Source), o.Version, mends(o.Setup))
	p.line("```\n%s```\n", Script(o.Setup))
	for _, r := range o.Report.Results {
		if r.Verdict == "fail" || r.Verdict == "error" {
			p.line("* `%s` %s. Seen: %s.%s", r.Rule, r.Class, strings.TrimSuffix(r.Detail, "."), plainly(r))
		}
	}
	p.line("")
}

func mends(s lab.Setup) string {
	if s.Mends == "" {
		return ""
	}
	return " This is meant to mend " + s.Mends + "."
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
