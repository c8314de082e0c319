package check

import (
	"fmt"
	"io"
	"strings"
)

// WriteText writes the comparison for people: each rule with both verdicts, then
// whose each failure is and what is to be said about it, and all of it in one
// line at the end.
func (c *Comparison) WriteText(w io.Writer, color bool) error {
	t := text{report: c.Path, color: color}
	t.line("path    %s", c.Path.Target)
	t.line("direct  %s", c.Direct.Target)
	t.line("seed    %d", c.Path.Seed())
	t.line("")
	t.verdicts(c.Rules)
	for _, rule := range c.Rules {
		if rule.Says != "" && !rule.unfinished() {
			t.compared(c, rule)
		}
	}
	t.line("")
	t.line("%s (%s)", t.paint(c.Verdict(), c.words()), took(c.Elapsed()))
	_, err := io.WriteString(w, t.String())
	return err
}

// Summary is what the comparison says in one line.
func (c *Comparison) Summary() string { return fmt.Sprintf("%s (%s)", c.words(), took(c.Elapsed())) }

// verdicts is the table: both verdicts, and how it failed or what there is to
// tell.
func (t *text) verdicts(rules []Compared) {
	width := 0
	for _, rule := range rules {
		width = max(width, len(rule.Rule))
	}
	t.line("%-*s  PATH   DIRECT", width, "")
	for _, rule := range rules {
		says := rule.failing().brief()
		if rule.Whose != Nobodys && rule.Whose != Untold {
			says = string(rule.Whose) + ": " + says
		}
		t.line("%-*s  %s  %s   %s", width, rule.Rule, t.cell(rule.Path.Verdict), t.cell(rule.Direct.Verdict), says)
	}
}

func (t *text) cell(v Verdict) string {
	if v == "" {
		return "-    "
	}
	return t.paint(v, fmt.Sprintf("%-5s", v))
}

// compared explains one rule that differs or fails.
func (t *text) compared(c *Comparison, rule Compared) {
	t.line("")
	t.line("%s: %s", t.paint(rule.Verdict(), rule.Rule), rule.Says)
	for _, row := range c.rows(rule) {
		t.line("  %-6s  %s", row.label, row.value)
	}
}

// failing is the result to be explained: where both failed, the server's, which
// is the one to mend first.
func (c Compared) failing() Result {
	if c.Direct.Verdict == Fail || c.Path.Verdict != Fail && c.Direct.Verdict == Error && c.Path.Verdict != Error {
		return c.Direct
	}
	if c.Path.Verdict == "" {
		return c.Direct
	}
	return c.Path
}

func (c Compared) unfinished() bool {
	return c.Path.Verdict != Fail && c.Direct.Verdict != Fail &&
		(c.Path.Detail == unfinished || c.Direct.Detail == unfinished)
}

func (c *Comparison) rows(rule Compared) []row {
	if rule.Direct.Verdict == Fail {
		return c.Direct.rows(rule.Direct)
	}
	return c.Path.rows(rule.Path)
}

// words are the verdict, sorted by whose it is.
func (c *Comparison) words() string {
	var parts []string
	for _, part := range []struct {
		whose  Whose
		before string
		after  string
	}{
		{ThePaths, "the path breaks ", " that the server keeps"},
		{TheServers, "the server breaks ", ""},
		{DirectOnly, "", " fail directly only"},
		{Untold, "", " could not be told"},
	} {
		if n := c.count(part.whose); n > 0 {
			parts = append(parts, part.before+count(n, "rule", "rules")+part.after)
		}
	}
	words := strings.Join(parts, "; ")
	switch {
	case words == "" && c.Verdict() == Pass:
		words = "honest on both ways: " + count(c.Path.count(Pass), "rule", "rules") + " passed"
	case words == "":
		words = "could not be told"
	}
	if c.Interrupted() {
		words = "interrupted: " + words
	}
	return words
}
