package packaging

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// asked is one expression that is put to Prometheus.
type asked struct {
	where string // for people
	text  string
	expr  parser.Expr
}

// dashboardVariables are what Grafana puts into an expression before Prometheus
// sees it, where that is no part of a string.
var dashboardVariables = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "15s", "$__range", "6h")

// parse reads an expression as a Prometheus with no experiment switched on does.
func parse(t *testing.T, where, text string) asked {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(dashboardVariables.Replace(text))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return asked{where, text, expr}
}

// everything is every expression of the rules and the dashboard.
func everything(t *testing.T) []asked {
	t.Helper()
	var all []asked
	for _, r := range rules(t) {
		all = append(all, parse(t, r.name(), r.Expr))
	}
	for where, text := range dashboardExpressions(t) {
		all = append(all, parse(t, where, text))
	}
	if len(all) < 60 {
		t.Fatalf("found only %d expressions: the search is broken", len(all))
	}
	return all
}

// selectors are the metrics that an expression asks for.
func (a asked) selectors() []*parser.VectorSelector {
	var all []*parser.VectorSelector
	parser.Inspect(a.expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	return all
}

// groupings are the labels that an expression adds up or matches by.
func (a asked) groupings() []string {
	var all []string
	parser.Inspect(a.expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.AggregateExpr:
			all = append(all, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				all = append(all, n.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return all
}

// words are the values that a matcher names; none if Grafana fills them in.
func words(m *labels.Matcher) []string {
	if strings.Contains(m.Value, "$") {
		return nil
	}
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
		return []string{m.Value}
	}
	return strings.Split(m.Value, "|")
}
