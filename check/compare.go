package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Comparison is two reports of the same rules, one through a path and one
// directly, and who is at fault for each failure.
type Comparison struct {
	Path    *Report
	Direct  *Report
	NotEcho *ComparedEcho  // set if one of the two is not an echo
	Rules   []ComparedRule // in the order of Rules, then of the reports
}

// ComparedEcho says which of the two targets is not an echo.
type ComparedEcho struct {
	Blame  Blame
	Detail string // one plain sentence
}

// ComparedRule is one rule of a Comparison.
type ComparedRule struct {
	Rule   string
	Path   Result // without a Verdict if the rule did not run through the path
	Direct Result // without a Verdict if the rule did not run directly
	Blame  Blame
	Detail string // one plain sentence where the two results differ or fail; else ""
}

// Blame is who is at fault for the result of a rule.
type Blame string

const (
	BlameNone       Blame = ""             // nothing failed
	BlamePath       Blame = "path"         // the rule fails only through the path
	BlameServer     Blame = "server"       // the rule fails directly, too
	BlameDirectOnly Blame = "direct-only"  // the rule fails only directly
	Inconclusive    Blame = "inconclusive" // a result is missing that would decide it
)

// Compare compares two reports rule by rule. Both should have the same seed and
// the same options.
func Compare(path, direct *Report) *Comparison {
	c := &Comparison{Path: path, Direct: direct, NotEcho: compareEcho(path.NotEcho, direct.NotEcho)}
	if c.NotEcho != nil {
		return c
	}
	for _, rule := range ruleOrder(path, direct) {
		compared := ComparedRule{Rule: rule, Path: path.compared(rule), Direct: direct.compared(rule)}
		compared.Blame, compared.Detail = blame(compared.Path, compared.Direct)
		c.Rules = append(c.Rules, compared)
	}
	return c
}

// compareEcho returns nil if both targets are an echo.
func compareEcho(path, direct *NotEcho) *ComparedEcho {
	switch {
	case path == nil && direct == nil:
		return nil
	case direct == nil:
		return &ComparedEcho{BlamePath, "through the path, " + path.Summary() + "; directly, it is one"}
	case path == nil:
		return &ComparedEcho{BlameDirectOnly, "directly, " + direct.Summary() + "; through the path, it is one"}
	case path.Detail == direct.Detail:
		return &ComparedEcho{BlameServer, "directly and through the path, " + direct.Summary()}
	}
	return &ComparedEcho{BlameServer, "directly, " + direct.Summary() + "; nor is it one through the path: " + path.Detail}
}

// notEcho returns the target to explain, which is not an echo. The server should be fixed
// first.
func (c *Comparison) notEcho() *NotEcho { return cmp.Or(c.Direct.NotEcho, c.Path.NotEcho) }

// ruleOrder returns the rules of the reports, in the order of Rules. Unknown rules
// come last.
func ruleOrder(reports ...*Report) []string {
	var all []string
	for _, r := range reports {
		for _, result := range r.Results {
			if !slices.Contains(all, result.Rule) {
				all = append(all, result.Rule)
			}
		}
	}
	known := Rules()
	place := func(id string) int {
		if i := slices.IndexFunc(known, func(r Rule) bool { return r.ID == id }); i >= 0 {
			return i
		}
		return len(known)
	}
	slices.SortStableFunc(all, func(a, b string) int { return place(a) - place(b) })
	return all
}

// Result returns the result of rule, or one without a verdict if it did not run.
func (r *Report) Result(rule string) Result {
	for _, result := range r.Results {
		if result.Rule == rule {
			return result
		}
	}
	return Result{Rule: rule, Offset: -1}
}

// compared is result for a comparison. A server that did not stop has no result about that: it
// passed, if the rules have run to the end.
func (r *Report) compared(rule string) Result {
	result := r.Result(rule)
	if rule == aliveRule && result.Verdict == "" && !r.Interrupted {
		result.Verdict = Pass
	}
	return result
}

// blame compares two results of one rule and explains what they mean together.
// The port of stream/refused is behind the path and has no server, so that rule
// cannot run directly, and only the path can break it.
func blame(path, direct Result) (Blame, string) {
	switch {
	case path.Rule == refused.ID && direct.Verdict == Skip && path.Verdict == Pass:
		return BlameNone, ""
	case path.Rule == refused.ID && direct.Verdict == Skip && path.Verdict == Fail:
		return BlamePath, "the path is at fault: no server listens behind that port"
	case direct.Verdict == "" && path.Verdict == Fail && onlyForTLS(path.Rule):
		return BlamePath, "the path is at fault: directly there is no TLS"
	case direct.Verdict == "" && (path.Verdict == Skip || path.Verdict == Pass && onlyForTLS(path.Rule)):
		return BlameNone, ""
	case path.Verdict == Fail && direct.Verdict == Fail && path.Class != direct.Class:
		return BlameServer, fmt.Sprintf("the server is at fault: it fails directly with %s, and through the path with %s", direct.Class, path.Class)
	case path.Verdict == Fail && direct.Verdict == Fail:
		return BlameServer, fmt.Sprintf("the server is at fault: it fails with %s, directly and through the path", direct.Class)
	case path.Verdict == Fail && direct.Verdict == Pass:
		return BlamePath, fmt.Sprintf("the path is at fault: the server passes directly, the path fails with %s", path.Class)
	case path.Verdict == Pass && direct.Verdict == Fail:
		return BlameDirectOnly, fmt.Sprintf("the server is at fault: it fails directly with %s, and the path fixes or hides that", direct.Class)
	case path.Verdict == Fail:
		return Inconclusive, fmt.Sprintf("inconclusive: the path fails with %s, and the direct check %s", path.Class, unanswered(direct))
	case direct.Verdict == Fail:
		return BlameServer, fmt.Sprintf("the server is at fault: it fails directly with %s; the check through the path %s", direct.Class, unanswered(path))
	case path.Verdict == Error && direct.Verdict == Error:
		return Inconclusive, "inconclusive, directly and through the path: " + path.Detail
	case path.Verdict == Error:
		return Inconclusive, "inconclusive through the path: " + path.Detail
	case direct.Verdict == Error:
		return Inconclusive, "inconclusive directly: " + direct.Detail
	case path.Verdict != direct.Verdict && path.Verdict != Pass:
		return BlameNone, "passes directly; the check through the path " + unanswered(path)
	case path.Verdict != direct.Verdict:
		return BlameNone, "passes through the path; the direct check " + unanswered(direct)
	}
	return BlameNone, ""
}

// onlyForTLS reports whether the rule with that ID applies to the network tls only.
func onlyForTLS(id string) bool {
	return slices.ContainsFunc(Rules(), func(r Rule) bool { return r.ID == id && slices.Equal(r.Networks, secure) })
}

// unanswered explains why a check neither passed nor failed.
func unanswered(r Result) string {
	switch r.Verdict {
	case Skip:
		return "was skipped: " + r.Detail
	case Error:
		return "was inconclusive: " + r.Detail
	}
	return "did not run"
}

// explainedBy returns the rule whose failure explains that of rule, if the same side is at
// fault for both; else "".
func (c *Comparison) explainedBy(rule ComparedRule) string {
	by := rule.shown().ExplainedBy
	for _, other := range c.Rules {
		if other.Rule == by && other.Blame == rule.Blame && other.shown().ExplainedBy == "" {
			return by
		}
	}
	return ""
}

// explainFirst returns the rules, first those whose failures explain others.
func (c *Comparison) explainFirst() []ComparedRule {
	rules := slices.Clone(c.Rules)
	slices.SortStableFunc(rules, func(a, b ComparedRule) int {
		return place(a.Rule, a.Verdict(), len(c.explains(a.Rule))) - place(b.Rule, b.Verdict(), len(c.explains(b.Rule)))
	})
	return rules
}

// explains returns the rules that the failure of rule explains.
func (c *Comparison) explains(rule string) []string {
	var ids []string
	for _, other := range c.Rules {
		if c.explainedBy(other) == rule {
			ids = append(ids, other.Rule)
		}
	}
	return ids
}

// Verdict returns Fail if a rule failed directly or through the path, Pass if both
// reports pass, and Error if the comparison is inconclusive.
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

// Elapsed returns how long both checks took together.
func (c *Comparison) Elapsed() time.Duration { return c.Path.Elapsed + c.Direct.Elapsed }

// Interrupted reports whether one of the checks was interrupted.
func (c *Comparison) Interrupted() bool { return c.Path.Interrupted || c.Direct.Interrupted }

func (c *Comparison) count(blame Blame) int {
	n := 0
	for _, rule := range c.Rules {
		if rule.Blame == blame {
			n++
		}
	}
	return n
}

// rows explains the result that rule.shown returns.
func (c *Comparison) rows(rule ComparedRule) []Row {
	report, result := c.failed(rule)
	result.ExplainedBy = c.explainedBy(rule)
	return report.rows(result)
}

// failed returns the result that explains a failure, and its report: the direct one if both failed.
func (c *Comparison) failed(rule ComparedRule) (*Report, Result) {
	if rule.Direct.Verdict == Fail {
		return c.Direct, rule.Direct
	}
	return c.Path, rule.Path
}

func (c *Comparison) testCases() []testCase {
	if c.NotEcho != nil {
		tc := c.notEcho().testCase(c.Elapsed())
		tc.message, tc.rows = c.NotEcho.Detail, append([]Row{{"blame", string(c.NotEcho.Blame)}}, tc.rows...)
		return []testCase{tc}
	}
	cases := make([]testCase, 0, len(c.Rules))
	for _, rule := range c.Rules {
		shown := rule.shown()
		tc := testCase{
			rule: rule.Rule, verdict: rule.Verdict(), class: shown.Class, message: cmp.Or(rule.Detail, shown.Note()),
			rows: c.rows(rule), elapsed: rule.Path.Elapsed + rule.Direct.Elapsed,
		}
		if rule.Blame != BlameNone {
			tc.rows = append([]Row{{"blame", string(rule.Blame)}}, tc.rows...)
		}
		cases = append(cases, tc)
	}
	return cases
}

func (c *Comparison) properties() []Row {
	return append(c.Path.properties(), Row{"direct", c.Direct.Target.String()})
}

// Verdict returns the verdict on one rule: the worse of the two results.
func (c ComparedRule) Verdict() Verdict {
	both := []Verdict{c.Path.Verdict, c.Direct.Verdict}
	for _, v := range []Verdict{Fail, Error, Pass} {
		if slices.Contains(both, v) {
			return v
		}
	}
	return Skip
}

// shown returns the result to explain. If both failed, that is the direct one: the
// server should be fixed first.
func (c ComparedRule) shown() Result {
	if c.Direct.Verdict == Fail || c.Path.Verdict != Fail && c.Direct.Verdict == Error && c.Path.Verdict != Error {
		return c.Direct
	}
	if c.Path.Verdict == "" {
		return c.Direct
	}
	return c.Path
}

func (c ComparedRule) interrupted() bool {
	return c.Path.Verdict != Fail && c.Direct.Verdict != Fail &&
		(c.Path.Detail == interrupted || c.Direct.Detail == interrupted)
}

// Comparable returns nil if reports of the two targets can be compared, and a
// *UsageError that says why not otherwise.
func Comparable(path, direct Target) error {
	if (path.Network == "udp") != (direct.Network == "udp") {
		return &UsageError{Got: fmt.Sprintf("%s cannot be compared with %s", path, direct), Want: "streams and datagrams have no rule in common"}
	}
	return nil
}
