package check

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// TextStyle is how a report is written for people.
type TextStyle struct {
	Color bool // verdicts are marked with ANSI escape sequences
	// Brief omits the rules that have nothing to say: those that passed or were skipped are only
	// named. An honest report has the notes of rules that passed.
	Brief bool
	Width int // of a line, in columns; 0 for 100. A word that is longer has a line of its own
}

// defaultWidth is the width of a line if the style has none.
const defaultWidth = 100

// WriteText writes the report for people: a table of all rules, an explanation of each
// failure, and the verdict. Color marks verdicts with ANSI escape sequences.
func (r *Report) WriteText(w io.Writer, color bool) error {
	return r.WriteStyled(w, TextStyle{Color: color})
}

// WriteStyled is WriteText in that style.
func (r *Report) WriteStyled(w io.Writer, style TextStyle) error { return writeText(w, r.text, style) }

func writeText(w io.Writer, write func(*text), style TextStyle) error {
	t := newText(style)
	write(t)
	_, err := io.WriteString(w, t.String())
	return err
}

func (r *Report) text(t *text) {
	t.foldWords([]string{r.target(), fmt.Sprintf(" seed %d", r.Seed())}, "", " ")
	for _, line := range r.unchecked() {
		t.fold(line, "", "  ")
	}
	if r.Path != (Path{}) {
		t.fold(r.Path.String(), "", "  ")
	}
	t.line("")
	t.table(r)
	t.findings(r.Findings())
	t.blank()
	t.verdict(r.Verdict(), r.Summary())
}

// table writes a line for each rule or, if t is brief, for each rule of an honest report that
// has a note, and the names of those that have no line and no explanation.
func (t *text) table(r *Report) {
	var rows []Result
	var others briefly
	for _, result := range r.Results {
		note := result.Verdict == Pass && result.Detail != "" && r.count(Fail) == 0
		if !t.Brief || note {
			rows = append(rows, result)
		} else {
			others.add(result.Rule, result.Verdict, result.Detail)
		}
	}
	t.results(rows)
	t.briefly(others)
}

// results writes a line for each result.
func (t *text) results(rows []Result) {
	width := 0
	for _, result := range rows {
		width = max(width, len(result.Rule))
	}
	for _, result := range rows {
		t.row(fmt.Sprintf("%-*s  ", width, result.Rule), []Verdict{result.Verdict}, fmt.Sprintf("%7s  ", result.Took()), result.Note())
	}
}

// WriteSoFar writes the rules of a check that still runs: a row for each that has a result, those
// that failed last, and what would turn on those that were skipped. The style is not brief.
func (r *Report) WriteSoFar(w io.Writer, style TextStyle) error {
	return writeText(w, func(t *text) {
		ran, skipped := soFarOf(r.Results, func(r Result) Result { return r })
		t.results(ran)
		t.briefly(skipped)
	}, style)
}

// WriteSoFar is that of a Report, while the direct check still runs.
func (c *Comparison) WriteSoFar(w io.Writer, style TextStyle) error {
	return writeText(w, func(t *text) {
		ran, skipped := soFarOf(c.Rules, func(r ComparedRule) Result {
			return Result{Rule: r.Rule, Verdict: r.Verdict(), Detail: r.shown().Detail}
		})
		t.compared(ran)
		t.briefly(skipped)
	}, style)
}

// soFarOf returns the rules that ran, those that failed last, and those that were skipped.
func soFarOf[R any](rules []R, result func(R) Result) (ran []R, skipped briefly) {
	for _, verdict := range []Verdict{Pass, Error, Fail, Skip} {
		for _, rule := range rules {
			switch r := result(rule); {
			case r.Verdict != verdict:
			case verdict == Skip:
				skipped.add(r.Rule, Skip, r.Detail)
			default:
				ran = append(ran, rule)
			}
		}
	}
	return ran, skipped
}

// Explain returns what WriteText writes about one result that is not a pass.
func (r *Report) Explain(result Result) string {
	t := newText(TextStyle{})
	t.explain(result.Rule, result.Verdict, result.Note(), r.rows(result))
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
	case r.unmeasured():
		words = "inconclusive: the rate of the path could not be measured, " + count(r.count(Pass), "rule", "rules") + " passed"
	case len(r.Results) == 0:
		words = "no rule has run"
	default: // every rule was skipped
		words = "inconclusive"
	}
	if r.Interrupted {
		words = "interrupted: " + words
	}
	budget, over := notInBudget(r.Options, r.Results)
	if n := r.count(Skip) - over; n > 0 {
		words += ", " + strconv.Itoa(n) + " skipped"
	}
	switch {
	case r.Retried == 0:
	case r.Target.Network == "udp": // one socket for each rule
		words += ", " + count(r.Retried, "rule", "rules") + " failed at first"
	default:
		words += fmt.Sprintf(", %d of %s failed at first", r.Retried, count(r.Connections, "connection", "connections"))
	}
	return words + budget
}

// WriteText writes the comparison for people: a table of all rules with both
// verdicts, then who is at fault for each failure and why, then a summary.
func (c *Comparison) WriteText(w io.Writer, color bool) error {
	return c.WriteStyled(w, TextStyle{Color: color})
}

// WriteStyled is WriteText in that style.
func (c *Comparison) WriteStyled(w io.Writer, style TextStyle) error {
	return writeText(w, c.text, style)
}

func (c *Comparison) text(t *text) {
	t.fold(c.Path.target(), "path    ", "        ")
	t.fold(c.Direct.target(), "direct  ", "        ")
	t.line("seed    %d", c.Path.Seed())
	t.line("")
	t.comparedRules(c)
	t.findings(c.Findings())
	t.blank()
	t.verdict(c.Verdict(), c.Summary())
}

// comparedRules writes the table of the rules, like table.
func (t *text) comparedRules(c *Comparison) {
	var rows []ComparedRule
	var others briefly
	for _, rule := range c.Rules {
		note := rule.Verdict() == Pass && rule.shown().Detail != "" && c.Verdict() == Pass
		switch {
		case !t.Brief || note:
			rows = append(rows, rule)
		case rule.Detail == "" || rule.interrupted():
			others.add(rule.Rule, rule.Verdict(), rule.shown().Detail)
		}
	}
	t.compared(rows)
	t.briefly(others)
}

// compared writes a line for each rule, with both verdicts.
func (t *text) compared(rows []ComparedRule) {
	width := 0
	for _, rule := range rows {
		width = max(width, len(rule.Rule))
	}
	if len(rows) > 0 {
		t.line("%-*s  PATH   DIRECT", width, "")
	}
	for _, rule := range rows {
		t.row(fmt.Sprintf("%-*s  ", width, rule.Rule), []Verdict{rule.Path.Verdict, rule.Direct.Verdict}, " ", rule.Note())
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
	var over []Result // on either side
	for _, rule := range c.Rules {
		if result := rule.Path; isOverBudget(result.Detail) {
			over = append(over, result)
		} else {
			over = append(over, rule.Direct)
		}
	}
	budget, _ := notInBudget(c.Path.Options, over)
	return words + budget
}

// Took returns how long the rule took, with the precision that matters to people.
func (r Result) Took() string { return formatDuration(r.Elapsed) }

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
