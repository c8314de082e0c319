package page

import (
	"fmt"
	"strings"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

// paper is the document as it grows.
type paper struct {
	strings.Builder
	outcomes []lab.Outcome
	absent   []programs.Absent
}

func (p *paper) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *paper) text() string {
	p.line("%s", opening)
	p.summary()
	p.inShort()
	p.surprises()
	p.grid()
	p.line("%s", repeat)
	p.leftOut()
	for i, o := range p.outcomes {
		if o.Report != nil {
			p.chapter(i, o)
		}
	}
	p.line("Written by `make matrix`. To change this page, change lab/matrix/ and run that.")
	return p.String()
}

// rules are all that were asked, in check's order.
func (p *paper) rules() []string {
	var longest []lab.Result
	for _, o := range p.outcomes {
		if o.Report != nil && len(o.Report.Results) > len(longest) {
			longest = o.Report.Results
		}
	}
	var all []string
	for _, r := range longest {
		all = append(all, r.Rule)
	}
	return all
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

func (p *paper) leftOut() {
	p.line("## Left out\n")
	for _, o := range p.outcomes {
		if o.Report == nil {
			p.line("* **%s**, %s: %s", o.Program, o.Setup.Name, firstLine(o.Reason))
		}
	}
	for _, a := range p.absent {
		p.line("* **%s**: %s", a.Name, a.Reason)
	}
	p.line("%s", notAsked)
}

const notAsked = `* **What takes minutes** (` + "`--long`" + `: how long a silent connection lives) was not
  asked. Those are timeouts that an operator sets, and most are documented.
* **UDP and TLS** were not put through these programs, only TCP.
`

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// short is a rule without what all of them begin with.
func short(rule string) string { return strings.TrimPrefix(rule, "stream/") }

// link leads to what a rule does.
func link(rule string) string {
	return fmt.Sprintf("[%s](rules.md#%s)", short(rule), strings.ReplaceAll(rule, "/", ""))
}
