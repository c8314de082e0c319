package check

import (
	"fmt"
	"strings"

	"echod/internal/draw"
)

// briefly are the rules that a brief report only names: those that passed, those that were
// interrupted, and those that were skipped, by reason.
type briefly struct {
	passed, interrupted []string
	skipped             map[string][]string
	reasons             []string // the keys of skipped, in the order of the rules
	skips               int
}

// add adds a rule, unless it has an explanation of its own or the summary names it.
func (n *briefly) add(rule string, v Verdict, detail string) {
	switch {
	case v == Pass:
		n.passed = append(n.passed, rule)
	case v == Error && detail == interrupted:
		n.interrupted = append(n.interrupted, rule)
	case v == Skip && !isOverBudget(detail):
		if n.skipped == nil {
			n.skipped = make(map[string][]string)
		}
		if n.skipped[detail] == nil {
			n.reasons = append(n.reasons, detail)
		}
		n.skipped[detail] = append(n.skipped[detail], rule)
		n.skips++
	}
}

// mostNamed is how many rules that were skipped for one reason are named. A verbose report
// names all.
const mostNamed = 2

// briefly writes a line for each kind that has rules.
func (t *text) briefly(n briefly) {
	var skipped []string
	for _, reason := range n.reasons {
		rules := n.skipped[reason]
		words := strings.Join(rules, ", ")
		if len(rules) > mostNamed {
			words = count(len(rules), "rule", "rules")
		}
		skipped = append(skipped, reason+": "+words)
	}
	for _, kind := range []struct {
		name  string
		count int
		words string
	}{
		{"passed", len(n.passed), strings.Join(n.passed, ", ")},
		{interrupted, len(n.interrupted), strings.Join(n.interrupted, ", ")},
		{"skipped", n.skips, strings.Join(skipped, "; ")},
	} {
		if kind.count > 0 {
			t.fold(kind.words, fmt.Sprintf("%s (%d): ", kind.name, kind.count), "  ")
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
