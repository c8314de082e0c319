package check

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the comparison for programs: who is at fault for each rule, and
// both reports in full. docs/report.md describes it.
func (c *Comparison) WriteJSON(w io.Writer) error { return writeJSON(w, c.toJSON()) }

// MarshalJSON returns what WriteJSON writes, on one line.
func (c *Comparison) MarshalJSON() ([]byte, error) { return json.Marshal(c.toJSON()) }

// WriteJUnit writes the comparison as JUnit XML. Each rule is one case, which fails
// if the rule failed directly or through the path. The message says who is at fault.
func (c *Comparison) WriteJUnit(w io.Writer) error {
	name := c.Path.Target.String() + " and directly " + c.Direct.Target.String()
	return writeJUnit(w, name, c.Elapsed(), c.properties(), c.points())
}

// WriteTAP writes the comparison in the Test Anything Protocol: one test point
// for each rule, as WriteJUnit does.
func (c *Comparison) WriteTAP(w io.Writer) error {
	return writeTAP(w, c.properties(), c.points(), c.Interrupted())
}

type comparisonJSON struct {
	Schema  int                `json:"schema"`
	Echod   string             `json:"echod,omitempty"`
	Verdict Verdict            `json:"verdict"`
	Summary string             `json:"summary"`
	Elapsed seconds            `json:"elapsed_seconds"`
	Rules   []comparedRuleJSON `json:"rules"`
	Path    reportJSON         `json:"path"`
	Direct  reportJSON         `json:"direct"`
}

type comparedRuleJSON struct {
	Rule   string  `json:"rule"`
	Path   Verdict `json:"path,omitempty"` // absent if the rule did not run
	Direct Verdict `json:"direct,omitempty"`
	Blame  Blame   `json:"blame,omitempty"`
	Detail string  `json:"detail,omitempty"`
}

func (c *Comparison) toJSON() comparisonJSON {
	document := comparisonJSON{
		Schema: Schema, Echod: c.Path.Echod, Verdict: c.Verdict(), Summary: c.Summary(), Elapsed: seconds(c.Elapsed()),
		Rules: make([]comparedRuleJSON, 0, len(c.Rules)), Path: c.Path.toJSON(), Direct: c.Direct.toJSON(),
	}
	for _, rule := range c.Rules {
		document.Rules = append(document.Rules,
			comparedRuleJSON{rule.Rule, rule.Path.Verdict, rule.Direct.Verdict, rule.Blame, rule.Detail})
	}
	return document
}

func (c *Comparison) properties() []row {
	return append(c.Path.properties(), row{"direct", c.Direct.Target.String()})
}

func (c *Comparison) points() []point {
	points := make([]point, 0, len(c.Rules))
	for _, rule := range c.Rules {
		shown := rule.failing()
		p := point{
			rule: rule.Rule, verdict: rule.Verdict(), class: shown.Class, message: rule.Detail,
			rows: c.rows(rule), elapsed: rule.Path.Elapsed + rule.Direct.Elapsed,
		}
		if p.message == "" {
			p.message = shown.brief()
		}
		if rule.Blame != BlameNone {
			p.rows = append([]row{{"blame", string(rule.Blame)}}, p.rows...)
		}
		points = append(points, p)
	}
	return points
}
