package check

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteText writes the report for people: a table of all rules, an explanation of each
// failure, and the verdict in one line. Color marks verdicts with ANSI escape sequences.
func (r *Report) WriteText(w io.Writer, color bool) error {
	t := text{color: color}
	t.line("%s  seed %d", r.target(), r.Seed())
	for _, line := range r.unchecked() {
		t.line("%s", line)
	}
	if r.Path != (Path{}) {
		t.line("%s", r.Path)
	}
	t.line("")
	if r.NotEcho != nil {
		t.rows(r.NotEcho.rows())
	}
	width := 0
	for _, result := range r.Results {
		width = max(width, len(result.Rule))
	}
	for _, result := range r.Results {
		t.line("%-*s  %s  %7s  %s", width, result.Rule, t.cell(result.Verdict), formatDuration(result.Elapsed), result.brief())
	}
	for _, result := range r.explainFirst() {
		if r.result(result.ExplainedBy).Verdict == Fail {
			continue // in one line below that one
		}
		if result.Verdict == Fail || result.Verdict == Error && result.Detail != interrupted {
			t.explain(result.Rule, result.Verdict, result.brief(), r.rows(result))
			t.alsoFailed(r.explainedBy(result.Rule))
		}
	}
	t.line("")
	t.line("%s (%s)", t.paint(r.Verdict(), r.summary()), formatDuration(r.Elapsed))
	_, err := io.WriteString(w, t.String())
	return err
}

// Explain returns what WriteText writes about one result that is not a pass.
func (r *Report) Explain(result Result) string {
	var t text
	t.explain(result.Rule, result.Verdict, result.brief(), r.rows(result))
	return strings.TrimPrefix(t.String(), "\n")
}

// Summary returns the verdict in one line.
func (r *Report) Summary() string {
	return fmt.Sprintf("%s (%s)", r.summary(), formatDuration(r.Elapsed))
}

func (r *Report) summary() string {
	if r.NotEcho != nil {
		return r.NotEcho.Summary()
	}
	var words string
	inconclusive := r.count(Error)
	switch verdict := r.Verdict(); {
	case verdict == Pass:
		words = "honest: " + count(r.count(Pass), "rule", "rules") + " passed"
	case verdict == Fail && r.Results[0].Rule == aliveRule:
		words = "not honest: " + r.Results[0].Detail
	case verdict == Fail:
		words = fmt.Sprintf("not honest: %d of %s failed", r.count(Fail), count(len(r.Results), "rule", "rules"))
		if inconclusive > 0 {
			words += ", " + strconv.Itoa(inconclusive) + " inconclusive"
		}
	case inconclusive > 0:
		words = fmt.Sprintf("inconclusive: %d of %s", inconclusive, count(len(r.Results), "rule", "rules"))
	case len(r.Results) == 0:
		words = "no rule has run"
	default: // every rule was skipped
		words = "inconclusive"
	}
	if r.Interrupted {
		words = "interrupted: " + words
	}
	if n := r.count(Skip); n > 0 {
		words += ", " + strconv.Itoa(n) + " skipped"
	}
	switch {
	case r.Retried == 0:
	case r.Target.Network == "udp": // one socket for each rule
		words += ", " + count(r.Retried, "rule", "rules") + " failed at first"
	default:
		words += fmt.Sprintf(", %d of %s failed at first", r.Retried, count(r.Connections, "connection", "connections"))
	}
	return words
}

// WriteText writes the comparison for people: a table of all rules with both
// verdicts, then who is at fault for each failure and why, then a summary line.
func (c *Comparison) WriteText(w io.Writer, color bool) error {
	t := text{color: color}
	t.line("path    %s", c.Path.target())
	t.line("direct  %s", c.Direct.target())
	t.line("seed    %d", c.Path.Seed())
	t.line("")
	if c.NotEcho != nil {
		t.rows(c.notEcho().rows())
	} else {
		t.comparedRules(c)
	}
	t.line("")
	t.line("%s (%s)", t.paint(c.Verdict(), c.summary()), formatDuration(c.Elapsed()))
	_, err := io.WriteString(w, t.String())
	return err
}

// comparedRules writes the table and the explanations.
func (t *text) comparedRules(c *Comparison) {
	width := 0
	for _, rule := range c.Rules {
		width = max(width, len(rule.Rule))
	}
	t.line("%-*s  PATH   DIRECT", width, "")
	for _, rule := range c.Rules {
		brief := rule.shown().brief()
		if rule.Blame != BlameNone && rule.Blame != Inconclusive {
			brief = string(rule.Blame) + ": " + brief
		}
		t.line("%-*s  %s  %s   %s", width, rule.Rule, t.cell(rule.Path.Verdict), t.cell(rule.Direct.Verdict), brief)
	}
	for _, rule := range c.explainFirst() {
		if rule.Detail != "" && !rule.interrupted() && c.explainedBy(rule) == "" {
			t.explain(rule.Rule, rule.Verdict(), rule.Detail, c.rows(rule))
			t.alsoFailed(c.explains(rule.Rule))
		}
	}
}

// Summary returns the result of the comparison in one line.
func (c *Comparison) Summary() string {
	return fmt.Sprintf("%s (%s)", c.summary(), formatDuration(c.Elapsed()))
}

func (c *Comparison) summary() string {
	if c.NotEcho != nil {
		return c.NotEcho.Detail
	}
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

// text is a report for people as it is built.
type text struct {
	strings.Builder
	color bool
}

// line writes one line, also if a value has several.
func (t *text) line(format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	t.WriteString(strings.TrimRight(line, " "))
	t.WriteByte('\n')
}

// cell is a verdict in a table.
func (t *text) cell(v Verdict) string {
	if v == "" {
		return "-    "
	}
	return t.paint(v, fmt.Sprintf("%-5s", v))
}

// explain writes a paragraph about one rule.
func (t *text) explain(rule string, v Verdict, brief string, rows []row) {
	t.line("")
	t.line("%s: %s", t.paint(v, rule), brief)
	t.rows(rows)
}

func (t *text) rows(rows []row) {
	for _, row := range rows {
		t.line("  %-6s  %s", row.label, row.value)
	}
}

// alsoFailed writes the rules whose failures the paragraph above explains, if any.
func (t *text) alsoFailed(rules []string) {
	if len(rules) > 0 {
		t.line("  also failed, probably for the same reason: %s", strings.Join(rules, ", "))
	}
}

func (t *text) paint(v Verdict, words string) string {
	if !t.color {
		return words
	}
	return v.Paint(words)
}

var ansi = map[Verdict]string{Pass: "32", Fail: "31", Skip: "33", Error: "35"}

// Paint returns words in the color of the verdict, with ANSI escape sequences.
func (v Verdict) Paint(words string) string {
	if ansi[v] == "" {
		return words
	}
	return "\x1b[" + ansi[v] + "m" + words + "\x1b[0m"
}

// formatDuration formats d with the precision that matters to people.
func formatDuration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
