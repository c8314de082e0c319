package check

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the comparison for people: a table of all rules with both
// verdicts, then who is at fault for each failure and why, then a summary line.
func (c *Comparison) WriteText(w io.Writer, color bool) error {
	t := text{report: c.Path, color: color}
	t.line("path    %s", c.Path.Target)
	t.line("direct  %s", c.Direct.Target)
	t.line("seed    %d", c.Path.Seed())
	t.line("")
	t.verdicts(c.Rules)
	for _, rule := range c.Rules {
		if rule.Detail != "" && !rule.unfinished() {
			t.compared(c, rule)
		}
	}
	t.line("")
	t.line("%s (%s)", t.paint(c.Verdict(), c.words()), took(c.Elapsed()))
	_, err := io.WriteString(w, t.String())
	return err
}

// Summary returns the result of the comparison in one line.
func (c *Comparison) Summary() string { return fmt.Sprintf("%s (%s)", c.words(), took(c.Elapsed())) }

// verdicts writes the table: for each rule both verdicts and a few words.
func (t *text) verdicts(rules []ComparedRule) {
	width := 0
	for _, rule := range rules {
		width = max(width, len(rule.Rule))
	}
	t.line("%-*s  PATH   DIRECT", width, "")
	for _, rule := range rules {
		brief := rule.failing().brief()
		if rule.Blame != BlameNone && rule.Blame != Inconclusive {
			brief = string(rule.Blame) + ": " + brief
		}
		t.line("%-*s  %s  %s   %s", width, rule.Rule, t.cell(rule.Path.Verdict), t.cell(rule.Direct.Verdict), brief)
	}
}

func (t *text) cell(v Verdict) string {
	if v == "" {
		return "-    "
	}
	return t.paint(v, fmt.Sprintf("%-5s", v))
}

// compared explains a rule that fails or whose two results differ.
func (t *text) compared(c *Comparison, rule ComparedRule) {
	t.line("")
	t.line("%s: %s", t.paint(rule.Verdict(), rule.Rule), rule.Detail)
	for _, row := range c.rows(rule) {
		t.line("  %-6s  %s", row.label, row.value)
	}
}

// failing returns the result to explain. If both failed, that is the direct one:
// the server should be fixed first.
func (c ComparedRule) failing() Result {
	if c.Direct.Verdict == Fail || c.Path.Verdict != Fail && c.Direct.Verdict == Error && c.Path.Verdict != Error {
		return c.Direct
	}
	if c.Path.Verdict == "" {
		return c.Direct
	}
	return c.Path
}

func (c ComparedRule) unfinished() bool {
	return c.Path.Verdict != Fail && c.Direct.Verdict != Fail &&
		(c.Path.Detail == unfinished || c.Direct.Detail == unfinished)
}

func (c *Comparison) rows(rule ComparedRule) []row {
	if rule.Direct.Verdict == Fail {
		return c.Direct.rows(rule.Direct)
	}
	return c.Path.rows(rule.Path)
}

// words are the verdict, sorted by whose it is.
func (c *Comparison) words() string {
	var parts []string
	for _, part := range []struct {
		blame  Blame
		before string
		after  string
	}{
		{BlamePath, "the path fails ", ""},
		{BlameServer, "the server fails ", ""},
		{BlameDirectOnly, "the server fails ", " directly only"},
		{Inconclusive, "", " inconclusive"},
	} {
		if n := c.count(part.blame); n > 0 {
			parts = append(parts, part.before+count(n, "rule", "rules")+part.after)
		}
	}
	words := strings.Join(parts, "; ")
	switch {
	case words == "" && c.Verdict() == Pass:
		words = "honest, directly and through the path: " + count(c.Path.count(Pass), "rule", "rules") + " passed"
	case words == "":
		words = "inconclusive"
	}
	if c.Interrupted() {
		words = "interrupted: " + words
	}
	return words
}
