package check

import (
	"fmt"
	"slices"
	"time"
)

// Comparison is two reports of the same rules, one through a path and one
// directly, and what the difference says: whose each failure is.
type Comparison struct {
	Path   *Report
	Direct *Report
	Rules  []Compared // in the order of Rules, then of the reports
}

// Compared is one rule of a Comparison.
type Compared struct {
	Rule   string
	Path   Result // with no Verdict if the rule was not put to it
	Direct Result
	Whose  Whose
	Says   string // where the two differ or fail: one plain sentence; else ""
}

// Whose a failure is.
type Whose string

const (
	Nobodys    Whose = ""            // nothing failed
	ThePaths   Whose = "path"        // it fails through the path only
	TheServers Whose = "server"      // it fails directly, too
	DirectOnly Whose = "direct-only" // it fails directly only
	Untold     Whose = "untold"      // one of the two could not be told
)

// Compare sets two reports side by side. They should be of one seed and the same
// options.
func Compare(path, direct *Report) *Comparison {
	c := &Comparison{Path: path, Direct: direct}
	for _, rule := range ruleOrder(path, direct) {
		compared := Compared{Rule: rule, Path: path.result(rule), Direct: direct.result(rule)}
		compared.Whose, compared.Says = whose(compared.Path, compared.Direct)
		c.Rules = append(c.Rules, compared)
	}
	return c
}

// ruleOrder are the rules that occur in any of the reports.
func ruleOrder(reports ...*Report) []string {
	var all []string
	for _, r := range reports {
		for _, result := range r.Results {
			if !slices.Contains(all, result.Rule) {
				all = append(all, result.Rule)
			}
		}
	}
	place := make(map[string]int)
	for i, rule := range Rules() {
		place[rule.ID] = i - len(Rules())
	}
	slices.SortStableFunc(all, func(a, b string) int { return place[a] - place[b] })
	return all
}

func (r *Report) result(rule string) Result {
	for _, result := range r.Results {
		if result.Rule == rule {
			return result
		}
	}
	return Result{Rule: rule, Offset: -1}
}

// whose tells what two results of one rule say together. stream/refused asks a
// port that is behind the path and has no server, so there is nothing to ask
// directly, and what fails is the path's.
func whose(path, direct Result) (Whose, string) {
	switch {
	case path.Rule == refused.ID && direct.Verdict == Skip && path.Verdict == Pass:
		return Nobodys, ""
	case path.Rule == refused.ID && direct.Verdict == Skip && path.Verdict == Fail:
		return ThePaths, "it is the path's: no server stands behind that port that could have done this"
	case path.Verdict == Fail && direct.Verdict == Fail && path.Class != direct.Class:
		return TheServers, fmt.Sprintf("it is the server's: it fails directly, too (%s), and through the path it shows as %s", direct.Class, path.Class)
	case path.Verdict == Fail && direct.Verdict == Fail:
		return TheServers, fmt.Sprintf("it is the server's: it fails directly in the same way (%s)", direct.Class)
	case path.Verdict == Fail && direct.Verdict == Pass:
		return ThePaths, fmt.Sprintf("it is the path's: directly the server keeps it, through the path it ends in %s", path.Class)
	case path.Verdict == Pass && direct.Verdict == Fail:
		return DirectOnly, fmt.Sprintf("it fails directly only (%s): the server breaks it, and the path mends or hides that", direct.Class)
	case path.Verdict == Fail:
		return Untold, "it fails through the path; whose it is cannot be told, because directly " + why(direct)
	case direct.Verdict == Fail:
		return TheServers, "it is the server's: it fails directly; through the path " + why(path)
	case path.Verdict == Error && direct.Verdict == Error:
		return Untold, "on either way " + why(path)
	case path.Verdict == Error:
		return Untold, "through the path " + why(path)
	case direct.Verdict == Error:
		return Untold, "directly " + why(direct)
	case path.Verdict != direct.Verdict && path.Verdict != Pass:
		return Nobodys, "it passes directly; through the path " + why(path)
	case path.Verdict != direct.Verdict:
		return Nobodys, "it passes through the path; directly " + why(direct)
	}
	return Nobodys, ""
}

// why says of a result that is neither pass nor failure how that came.
func why(r Result) string {
	switch r.Verdict {
	case Skip:
		return "it was skipped: " + r.Detail
	case Error:
		return "it could not be told: " + r.Detail
	}
	return "it was not asked"
}

// Verdict is Fail if a rule failed on either way, Pass if none did and at least
// one passed on both, and Error if it could not be told.
func (c *Comparison) Verdict() Verdict {
	both := [2]Verdict{c.Path.Verdict(), c.Direct.Verdict()}
	switch {
	case slices.Contains(both[:], Fail):
		return Fail
	case slices.Contains(both[:], Error):
		return Error
	}
	return Pass
}

// Elapsed is how long both took together.
func (c *Comparison) Elapsed() time.Duration { return c.Path.Elapsed + c.Direct.Elapsed }

// Interrupted is whether one of them was called off.
func (c *Comparison) Interrupted() bool { return c.Path.Interrupted || c.Direct.Interrupted }

func (c *Comparison) count(whose Whose) int {
	n := 0
	for _, compared := range c.Rules {
		if compared.Whose == whose {
			n++
		}
	}
	return n
}

// Verdict is what the comparison makes of one rule.
func (c Compared) Verdict() Verdict {
	both := []Verdict{c.Path.Verdict, c.Direct.Verdict}
	for _, v := range []Verdict{Fail, Error, Pass} {
		if slices.Contains(both, v) {
			return v
		}
	}
	return Skip
}

// Comparable tells why the reports of two targets could not be compared; nil if
// they can.
func Comparable(path, direct Target) error {
	if (path.Network == "udp") != (direct.Network == "udp") {
		return &UsageError{Got: fmt.Sprintf("%s cannot be compared with %s", path, direct), Want: "streams and datagrams have no rule in common"}
	}
	return nil
}
