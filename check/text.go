package check

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"echod/internal/draw"
)

// WriteText writes the report for people: a table of all rules, an explanation of each
// failure, and the verdict. Color marks verdicts with ANSI escape sequences.
func (r *Report) WriteText(w io.Writer, color bool) error {
	return writeText(w, r.text, text{color: color, verbose: true})
}

// WriteBrief is WriteText without the rules that have nothing to say: those that passed or
// were skipped are only named. An honest report has the notes of rules that passed.
func (r *Report) WriteBrief(w io.Writer, color bool) error {
	return writeText(w, r.text, text{color: color})
}

func writeText(w io.Writer, write func(*text), t text) error {
	write(&t)
	_, err := io.WriteString(w, t.String())
	return err
}

func (r *Report) text(t *text) {
	t.line("%s  seed %d", r.target(), r.Seed())
	for _, line := range r.unchecked() {
		t.fold(line, "", "  ")
	}
	if r.Path != (Path{}) {
		t.line("%s", r.Path)
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
		if t.verbose || note {
			rows = append(rows, result)
		} else {
			others.add(result.Rule, result.Verdict, result.Detail)
		}
	}
	width := 0
	for _, result := range rows {
		width = max(width, len(result.Rule))
	}
	for _, result := range rows {
		t.row(fmt.Sprintf("%-*s  ", width, result.Rule), []Verdict{result.Verdict}, fmt.Sprintf("%7s  ", formatDuration(result.Elapsed)), result.Note())
	}
	t.briefly(others)
}

// Explain returns what WriteText writes about one result that is not a pass.
func (r *Report) Explain(result Result) string {
	var t text
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
	return writeText(w, c.text, text{color: color, verbose: true})
}

// WriteBrief is WriteText without the rules that have nothing to say, as in a Report.
func (c *Comparison) WriteBrief(w io.Writer, color bool) error {
	return writeText(w, c.text, text{color: color})
}

func (c *Comparison) text(t *text) {
	t.line("path    %s", c.Path.target())
	t.line("direct  %s", c.Direct.target())
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
		case t.verbose || note:
			rows = append(rows, rule)
		case rule.Detail == "" || rule.interrupted():
			others.add(rule.Rule, rule.Verdict(), rule.shown().Detail)
		}
	}
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
	t.briefly(others)
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

// textWidth is how many columns a line has. Only a word that is longer is not folded, or a
// command, which is there to be copied.
const textWidth = 100

// text is a report for people as it is built.
type text struct {
	strings.Builder
	color   bool
	verbose bool // a line for each rule
}

// line writes one line, also if a value has several.
func (t *text) line(format string, args ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	t.WriteString(strings.TrimRight(line, " "))
	t.WriteByte('\n')
}

// blank writes an empty line, if the last one is not empty.
func (t *text) blank() {
	if !strings.HasSuffix(t.String(), "\n\n") {
		t.line("")
	}
}

// fold writes words as lines that begin with first and then with rest.
func (t *text) fold(words, first, rest string) {
	t.WriteString(draw.Fold(words, textWidth, first, rest))
}

// row writes one line of a table, or more if brief is long.
func (t *text) row(rule string, verdicts []Verdict, elapsed, brief string) {
	line, width := rule, len(rule)+7*len(verdicts)+utf8.RuneCountInString(elapsed)
	for _, v := range verdicts {
		line += t.paint(v, fmt.Sprintf("%-5s", cmp.Or(v, "-"))) + "  "
	}
	indent := strings.Repeat(" ", width)
	folded := strings.TrimLeft(draw.Fold(brief, textWidth, indent, indent), " ")
	if line += elapsed; folded == "\n" {
		line = strings.TrimRight(line, " ")
	}
	t.WriteString(line + folded)
}

// findings writes a paragraph about each.
func (t *text) findings(all []Finding) {
	for _, f := range all {
		t.explain(f.Rule, f.Verdict, f.Brief, f.Rows)
		t.alsoFailed(f.AlsoFailed)
	}
}

// explain writes a paragraph about one rule or, without a heading, about a target that is not an
// echo.
func (t *text) explain(rule string, v Verdict, brief string, rows []Row) {
	t.blank()
	if rule != "" {
		t.heading(v, rule, brief)
	}
	t.rows(rows)
}

// heading writes what a paragraph is about, in the color of v, and words.
func (t *text) heading(v Verdict, about, words string) {
	folded := draw.Fold(about+": "+words, textWidth, "", "  ")
	t.WriteString(t.paint(v, about) + strings.TrimPrefix(folded, about))
}

func (t *text) rows(rows []Row) {
	for _, row := range rows {
		first := fmt.Sprintf("  %-6s  ", row.Label)
		switch row.Label {
		case "repeat", "got", "want":
			t.line("%s%s", first, row.Value)
		default:
			t.fold(row.Value, first, strings.Repeat(" ", len(first)))
		}
	}
}

// alsoFailed writes the rules whose failures the paragraph above explains, if any.
func (t *text) alsoFailed(rules []string) {
	if len(rules) > 0 {
		t.fold(strings.Join(rules, ", "), "  also failed, probably for the same reason: ", "    ")
	}
}

// verdict writes the last line.
func (t *text) verdict(v Verdict, summary string) {
	t.WriteString(t.paint(v, strings.TrimSuffix(draw.Fold(summary, textWidth, "", "  "), "\n")) + "\n")
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
