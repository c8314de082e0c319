package check

import (
	"fmt"
	"strings"

	"echod/internal/draw"
)

// groups are the rules that a brief report only names: those that passed, and those that did
// not run, by reason.
type groups []group

// group is rules that have the same words, e.g. "skipped, needs --agent".
type group struct {
	words string
	rules []string
}

// add adds a rule, unless it has an explanation of its own or the summary names it.
func (all *groups) add(rule string, v Verdict, detail string) {
	words := ""
	switch {
	case v == Pass:
		words = "passed"
	case v == Skip && !isOverBudget(detail):
		words = "skipped, " + detail
	case v == Error && detail == interrupted:
		words = interrupted
	default:
		return
	}
	for i, g := range *all {
		if g.words == words {
			(*all)[i].rules = append(g.rules, rule)
			return
		}
	}
	*all = append(*all, group{words, []string{rule}})
}

// groups writes the groups, first what passed.
func (t *text) groups(all groups) {
	for _, passed := range []bool{true, false} {
		for _, g := range all {
			if passed == (g.words == "passed") {
				t.fold(strings.Join(g.rules, ", "), fmt.Sprintf("%s (%d): ", g.words, len(g.rules)), "  ")
			}
		}
	}
}

// overBudget returns the detail of a rule that was skipped because the budget had ended.
func overBudget(o Options) string {
	return "did not fit into the budget of " + draw.Brief(o.Budget) + " (--budget)"
}

func isOverBudget(detail string) bool {
	return strings.HasPrefix(detail, "did not fit into the budget of ")
}

// notInBudget returns the words of a summary for the rules that were skipped because the
// budget had ended, and how many they are.
func notInBudget(o Options, results []Result) (words string, n int) {
	var rules []string
	for _, r := range results {
		if r.Verdict == Skip && isOverBudget(r.Detail) {
			rules = append(rules, r.Rule)
		}
	}
	if len(rules) == 0 {
		return "", 0
	}
	return fmt.Sprintf("; %d did not fit into the budget of %s: %s", len(rules), draw.Brief(o.Budget), strings.Join(rules, ", ")), len(rules)
}
