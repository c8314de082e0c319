package page

import (
	"slices"
	"strings"

	"echod/lab/matrix/lab"
)

// chapter is everything about one setup.
func (p *paper) chapter(i int, o lab.Outcome) {
	p.line("## %d. %s, %s\n", i+1, o.Program, o.Setup.Name)
	p.line("%s, version %s.%s\n", capital(o.Source), o.Version, mends(o.Setup))
	p.line("```\n%s```\n", Script(o.Setup))
	p.change(i, o)
	if o.Report.Count("fail")+o.Report.Count("error") == 0 {
		p.line("Every rule passes that applies.\n")
		return
	}
	p.line("| fails | ends in | what check saw | plain sockets |\n|---|---|---|---|")
	for _, r := range o.Report.Results {
		if r.Verdict == "fail" || r.Verdict == "error" {
			p.line("| %s | %s | %s | %s |", link(r.Rule), r.Class, cell(r.Detail), cell(alone(r)))
		}
	}
	p.line("")
}

// change is what a setup does differently from its program's default.
func (p *paper) change(i int, o lab.Outcome) {
	if o.Setup.Mends == "" {
		return
	}
	first := slices.IndexFunc(p.outcomes, func(other lab.Outcome) bool { return other.Program == o.Program })
	if first == i || p.outcomes[first].Report == nil {
		return
	}
	before, now := failed(p.outcomes[first].Report), failed(o.Report)
	mended, broken := without(before, now), without(now, before)
	switch {
	case len(before) == 0 && len(now) == 0:
	case len(mended) == 0 && len(broken) == 0:
		p.line("The same rules fail as by default.\n")
	case len(broken) == 0:
		p.line("Mended, compared with the default: %s.\n", strings.Join(mended, ", "))
	case len(mended) == 0:
		p.line("Nothing is mended, and these fail in addition: %s.\n", strings.Join(broken, ", "))
	default:
		p.line("Mended, compared with the default: %s. Broken: %s.\n", strings.Join(mended, ", "), strings.Join(broken, ", "))
	}
}

// without are those of all that are not in some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// alone is what plain sockets saw, for a place where nothing else is said.
func alone(r lab.Result) string {
	if r.Plain == nil {
		return ""
	}
	return witness(r.Plain)
}

// cell is text that may stand in a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func mends(s lab.Setup) string {
	if s.Mends == "" {
		return ""
	}
	return " Tried against " + s.Mends + "."
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
