package packaging

import (
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// expression is an expression for Prometheus.
type expression struct {
	where string // for errors
	text  string
	expr  parser.Expr
}

// dashboardVariables are variables that Grafana replaces in expressions.
var dashboardVariables = strings.NewReplacer("$__rate_interval", "1m", "$__interval", "15s", "$__range", "6h")

// parse reads an expression as Prometheus does without experimental features.
func parse(t *testing.T, where, text string) expression {
	t.Helper()
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(dashboardVariables.Replace(text))
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	return expression{where, text, expr}
}

// everything returns every expression of the rules and the dashboard.
func everything(t *testing.T) []expression {
	t.Helper()
	var all []expression
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

// selectors returns the metrics of an expression.
func (a expression) selectors() []*parser.VectorSelector {
	var all []*parser.VectorSelector
	parser.Inspect(a.expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			all = append(all, s)
		}
		return nil
	})
	return all
}

// groupings returns the labels by which an expression groups or matches.
func (a expression) groupings() []string {
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

// words returns the values of a matcher; none if they are variables of Grafana.
func words(m *labels.Matcher) []string {
	if strings.Contains(m.Value, "$") {
		return nil
	}
	if m.Type == labels.MatchEqual || m.Type == labels.MatchNotEqual {
		return []string{m.Value}
	}
	return strings.Split(m.Value, "|")
}
