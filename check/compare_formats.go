package check

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the comparison for programs: both reports whole, and what
// they say together, as docs/report.md describes it.
func (c *Comparison) WriteJSON(w io.Writer) error { return writeJSON(w, c.toJSON()) }

// MarshalJSON is what WriteJSON writes, on one line.
func (c *Comparison) MarshalJSON() ([]byte, error) { return json.Marshal(c.toJSON()) }

// WriteJUnit writes the comparison as JUnit XML: one case for each rule, failed
// if it failed on either way; the message says whose that is.
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
	Schema  int            `json:"schema"`
	Echod   string         `json:"echod,omitempty"`
	Verdict Verdict        `json:"verdict"`
	Summary string         `json:"summary"`
	Elapsed seconds        `json:"elapsed_seconds"`
	Rules   []comparedJSON `json:"rules"`
	Path    reportJSON     `json:"path"`
	Direct  reportJSON     `json:"direct"`
}

type comparedJSON struct {
	Rule   string  `json:"rule"`
	Path   Verdict `json:"path,omitempty"` // absent if it was not asked there
	Direct Verdict `json:"direct,omitempty"`
	Whose  Whose   `json:"whose,omitempty"`
	Says   string  `json:"says,omitempty"`
}

func (c *Comparison) toJSON() comparisonJSON {
	document := comparisonJSON{
		Schema: Schema, Echod: c.Path.Echod, Verdict: c.Verdict(), Summary: c.Summary(), Elapsed: seconds(c.Elapsed()),
		Rules: make([]comparedJSON, 0, len(c.Rules)), Path: c.Path.toJSON(), Direct: c.Direct.toJSON(),
	}
	for _, rule := range c.Rules {
		document.Rules = append(document.Rules,
			comparedJSON{rule.Rule, rule.Path.Verdict, rule.Direct.Verdict, rule.Whose, rule.Says})
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
			rule: rule.Rule, verdict: rule.Verdict(), class: shown.Class, message: rule.Says,
			rows: c.rows(rule), elapsed: rule.Path.Elapsed + rule.Direct.Elapsed,
		}
		if p.message == "" {
			p.message = shown.brief()
		}
		if rule.Whose != Nobodys {
			p.rows = append([]row{{"whose", string(rule.Whose)}}, p.rows...)
		}
		points = append(points, p)
	}
	return points
}
