package check

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// WriteText writes the report for people: a line for each rule, what is to be
// said about each failure, and the verdict in one line at the end. Color marks
// the verdicts by ANSI escape sequences.
func (r *Report) WriteText(w io.Writer, color bool) error {
	t := text{report: r, color: color}
	t.line("%s  seed %d", r.Target, r.Seed())
	t.line("")
	t.table()
	for _, result := range r.Results {
		if result.Verdict == Fail || result.Verdict == Error && result.Detail != unfinished {
			t.finding(result)
		}
	}
	t.line("")
	t.line("%s", t.summary())
	_, err := io.WriteString(w, t.String())
	return err
}

type text struct {
	strings.Builder
	report *Report
	color  bool
}

func (t *text) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.WriteByte('\n')
}

func (t *text) table() {
	width := 0
	for _, result := range t.report.Results {
		width = max(width, len(result.Rule))
	}
	for _, result := range t.report.Results {
		verdict := t.paint(result.Verdict, fmt.Sprintf("%-5s", result.Verdict))
		t.line("%-*s  %s  %7s  %s", width, result.Rule, verdict, took(result.Elapsed), result.brief())
	}
}

// finding explains one result that is not a pass.
func (t *text) finding(r Result) {
	t.line("")
	t.line("%s: %s", t.paint(r.Verdict, r.Rule), r.brief())
	for _, row := range t.report.rows(r) {
		t.line("  %-6s  %s", row.label, row.value)
	}
}

// Explain is what the text report says of one result that is not a pass.
func (r *Report) Explain(result Result) string {
	t := text{report: r}
	t.finding(result)
	return strings.TrimPrefix(t.String(), "\n")
}

// Summary is the verdict in one line.
func (r *Report) Summary() string {
	t := text{report: r}
	return t.summary()
}

func (t *text) summary() string {
	r := t.report
	verdict := r.Verdict()
	var words string
	switch verdict {
	case Pass:
		words = "honest: " + count(r.count(Pass), "rule", "rules") + " passed"
	case Fail:
		words = fmt.Sprintf("not honest: %d of %s failed", r.count(Fail), count(len(r.Results), "rule", "rules"))
	default:
		words = "inconclusive"
	}
	if r.Interrupted {
		words = "interrupted: " + words
	}
	if n := r.count(Error); n > 0 {
		words += ", " + strconv.Itoa(n) + " inconclusive"
	}
	if n := r.count(Skip); n > 0 {
		words += ", " + strconv.Itoa(n) + " skipped"
	}
	return t.paint(verdict, words) + fmt.Sprintf(" (%s)", took(r.Elapsed))
}

// took says d in the precision that a reader cares for.
func took(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}

var ansi = map[Verdict]string{Pass: "32", Fail: "31", Skip: "33", Error: "35"}

// Paint is words in the verdict's colour, by ANSI escape sequences.
func (v Verdict) Paint(words string) string {
	if ansi[v] == "" {
		return words
	}
	return "\x1b[" + ansi[v] + "m" + words + "\x1b[0m"
}

func (t *text) paint(v Verdict, words string) string {
	if !t.color {
		return words
	}
	return v.Paint(words)
}
