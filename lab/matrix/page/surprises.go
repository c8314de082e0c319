package page

import (
	"fmt"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

// surprises are the remarks, where what they are about has come out so again.
func (p *paper) surprises() {
	p.line("## Surprises\n\n%s", confirmed)
	p.common()
	program := ""
	for _, o := range p.outcomes {
		for _, remark := range o.Setup.Remarks {
			r, ok := fits(o, remark)
			if !ok {
				continue
			}
			if o.Program != program {
				program = o.Program
				p.line("\n### %s\n", program)
			}
			p.line("* %s%s\n  *%s: %s.%s*", configuration(o.Setup), remark.Text, short(r.Rule), headline(r), plainly(r))
		}
	}
	p.line("")
}

// common is what no proxy gets right.
func (p *paper) common() {
	said := false
	for _, remark := range programs.Common() {
		n := p.proxiesThat("fail", remark.Rule)
		if n == 0 || p.proxiesThat("pass", remark.Rule) > 0 {
			continue
		}
		if !said {
			p.line("### All of them\n")
			said = true
		}
		p.line("* %s\n  *%s: fails in each of %d configurations of a proxy.*", remark.Text, short(remark.Rule), n)
	}
}

// configuration introduces a remark that is not about the default.
func configuration(s lab.Setup) string {
	if s.Mends == "" {
		return ""
	}
	return "With `" + s.Name + "`. "
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
		return "passes"
	}
	return r.Class
}

// plainly is what plain sockets say of a failure, as a sentence after another.
func plainly(r lab.Result) string {
	if r.Plain == nil {
		return ""
	}
	return " Plain sockets, " + witness(r.Plain) + "."
}

func witness(c *lab.Confirmation) string {
	if c.Failed == 0 {
		return "which did not see it: " + c.Saw
	}
	return fmt.Sprintf("%d of %d times: %s", c.Failed, lab.Times, c.Saw)
}
