package page

import (
	"fmt"
	"slices"
	"strings"

	"echod/lab/matrix/lab"
	"echod/lab/matrix/programs"
)

// remarks writes the remarks whose verdict is the result again.
func (p *document) remarks() {
	p.line("## Remarks\n\n%s", confirmed)
	p.common()
	program := ""
	for _, o := range p.outcomes {
		for _, remark := range o.Setup.Remarks {
			r, ok := applies(o, remark)
			if !ok {
				continue
			}
			if o.Program != program {
				program = o.Program
				p.line("\n### %s\n", program)
			}
			p.line("* %s%s\n  *%s: %s.%s*", prefix(o.Setup), remark.Text, short(r.Rule), classOf(r), sentence(r))
		}
	}
	p.line("")
}

// common writes the remarks about rules that every proxy fails.
func (p *document) common() {
	first := true
	for _, remark := range programs.Common() {
		n := p.proxiesThat("fail", remark.Rule)
		if n == 0 || p.proxiesThat("pass", remark.Rule) > 0 {
			continue
		}
		if first {
			p.line("### All proxies\n")
			first = false
		}
		p.line("* %s\n  *%s: fails in each of the %d configurations of proxies where it ran.*", remark.Text, short(remark.Rule), n)
	}
}

// prefix returns the start of a remark about another configuration than the default.
func prefix(s lab.Setup) string {
	if s.Fixes == "" {
		return ""
	}
	return "With `" + s.Name + "`: "
}

func applies(o lab.Outcome, remark lab.Remark) (lab.Result, bool) {
	if o.Report == nil {
		return lab.Result{}, false
	}
	r, ok := o.Report.Find(remark.Rule)
	return r, ok && r.Class == remark.Class && (r.Verdict == "pass") == (remark.Class == "")
}

func classOf(r lab.Result) string {
	if r.Class == "" {
		return "passes"
	}
	return r.Class
}

// sentence returns the result of the experiments as a sentence.
func sentence(r lab.Result) string {
	if r.Plain == nil {
		return ""
	}
	return " Plain sockets: " + experiment(r.Plain) + "."
}

func experiment(c *lab.Confirmation) string {
	if c.Failed == 0 {
		return "not confirmed: " + c.Saw
	}
	return fmt.Sprintf("%d of %d times: %s", c.Failed, lab.Times, c.Saw)
}

// chapter writes the details of one setup.
func (p *document) chapter(i int, o lab.Outcome) {
	p.line("## %d. %s, %s\n", i+1, o.Program, o.Setup.Name)
	p.line("%s, version %s.%s\n", capital(o.Source), o.Version, fixes(o.Setup))
	p.line("```\n%s```\n", Script(o.Setup))
	p.change(i, o)
	if o.Report.Count("fail")+o.Report.Count("error") == 0 {
		p.line("All rules pass.\n")
		return
	}
	p.line("| rule | class | what check saw | plain sockets |\n|---|---|---|---|")
	for _, r := range o.Report.Results {
		if r.Verdict == "fail" || r.Verdict == "error" {
			p.line("| %s | %s | %s | %s |", link(r.Rule), r.Class, cell(r.Detail), cell(experimentCell(r)))
		}
	}
	p.line("")
}

// change compares a setup with the default of its program.
func (p *document) change(i int, o lab.Outcome) {
	if o.Setup.Fixes == "" {
		return
	}
	first := slices.IndexFunc(p.outcomes, func(other lab.Outcome) bool { return other.Program == o.Program })
	if first == i || p.outcomes[first].Report == nil {
		return
	}
	before, now := failed(p.outcomes[first].Report), failed(o.Report)
	decided := without(before, slices.Concat(withVerdict(o.Report, "error"), withVerdict(o.Report, "skip")))
	fixed, broken, inconclusive := without(decided, now), without(now, before), without(before, decided)
	switch {
	case len(before) == 0 && len(now) == 0:
	case len(inconclusive) > 0:
		p.line("Compared with the default, these rules pass: %s. These fail in addition: %s. These are inconclusive or skipped: %s.\n",
			orNone(fixed), orNone(broken), strings.Join(inconclusive, ", "))
	case len(fixed) == 0 && len(broken) == 0:
		p.line("The same rules fail as with the default.\n")
	case len(broken) == 0:
		p.line("Compared with the default, these rules pass: %s.\n", strings.Join(fixed, ", "))
	case len(fixed) == 0:
		p.line("Compared with the default, these rules fail in addition: %s.\n", strings.Join(broken, ", "))
	default:
		p.line("Compared with the default, these rules pass: %s. These fail in addition: %s.\n", strings.Join(fixed, ", "), strings.Join(broken, ", "))
	}
}

func orNone(rules []string) string {
	if len(rules) == 0 {
		return "none"
	}
	return strings.Join(rules, ", ")
}

// without returns the elements of all that are not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// experimentCell returns the result of the experiments, or "".
func experimentCell(r lab.Result) string {
	if r.Plain == nil {
		return ""
	}
	return experiment(r.Plain)
}

// cell escapes text for a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func fixes(s lab.Setup) string {
	if s.Fixes == "" {
		return ""
	}
	return " The configuration may fix " + s.Fixes + "."
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// example is the place in the document: one hop, from 9000 to 7007.
var example = lab.Place{
	Dir:   "$PWD",
	Hops:  []lab.Hop{{Listen: 9000, To: 7007}},
	Spare: []int{9001, 9002},
}

// Script returns the files and the commands of a setup.
func Script(s lab.Setup) string {
	var text strings.Builder
	plan := s.Plan(example)
	for _, file := range plan.Files {
		fmt.Fprintf(&text, "# %s\n%s\n", file.Name, file.Text)
	}
	for _, argv := range plan.Before {
		fmt.Fprintf(&text, "$ %s\n", shell(argv))
	}
	for i, command := range plan.Commands {
		fmt.Fprintf(&text, "$ %s", shell(command.Argv))
		if i < len(plan.Commands)-1 {
			text.WriteString(" &")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// shell returns argv for a shell.
func shell(argv []string) string {
	var words []string
	for _, word := range argv {
		if word == "" || strings.ContainsAny(word, " ;&|<>") {
			word = "'" + word + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
