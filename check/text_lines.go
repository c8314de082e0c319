package check

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"echod/internal/draw"
)

// text is a report for people as it is built.
type text struct {
	strings.Builder
	TextStyle
}

// newText returns an empty text. All texts come from here, because each has a width.
func newText(style TextStyle) *text {
	style.Width = cmp.Or(style.Width, defaultWidth)
	return &text{TextStyle: style}
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
	t.WriteString(draw.Fold(words, t.Width, first, rest))
}

// foldWords is fold for words that may contain spaces.
func (t *text) foldWords(words []string, first, rest string) {
	t.WriteString(draw.FoldWords(words, t.Width, first, rest))
}

// minNote is how many columns what a table says about a rule has at least. If there are fewer, it
// is below the line of the rule.
const minNote = 24

// row writes one line of a table, or more if brief is long. A line that has no room for elapsed
// omits it.
func (t *text) row(rule string, verdicts []Verdict, elapsed, brief string) {
	line, width := rule, len(rule)+7*len(verdicts)
	for _, v := range verdicts {
		line += t.paint(v, fmt.Sprintf("%-5s", cmp.Or(v, "-"))) + "  "
	}
	if n := utf8.RuneCountInString(strings.TrimRight(elapsed, " ")); width+n <= t.Width {
		line, width = line+elapsed, width+utf8.RuneCountInString(elapsed)
	}
	if free := t.Width - width; free < min(minNote, utf8.RuneCountInString(brief)) {
		t.line("%s", line)
		if brief != "" {
			t.fold(brief, "    ", "    ")
		}
		return
	}
	indent := strings.Repeat(" ", width)
	folded := strings.TrimLeft(draw.Fold(brief, t.Width, indent, indent), " ")
	if folded == "\n" {
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
	folded := draw.Fold(about+": "+words, t.Width, "", "  ")
	t.WriteString(t.paint(v, about) + strings.TrimPrefix(folded, about))
}

func (t *text) rows(rows []Row) {
	for _, row := range rows {
		first := fmt.Sprintf("  %-6s  ", row.Label)
		rest := strings.Repeat(" ", len(first))
		switch row.Label {
		case "repeat":
			t.command(row.Value, first, rest)
		case "got", "want":
			t.exact(row.Value, first, rest)
		default:
			t.fold(row.Value, first, rest)
		}
	}
}

// command writes a command line. If it is folded, a shell still reads it as one.
func (t *text) command(command, first, rest string) {
	words := shellWords(command)
	folded := draw.FoldWords(words, t.Width, first, rest)
	if strings.Count(folded, "\n") > 1 {
		folded = draw.FoldWords(words, t.Width-len(continued), first, rest)
	}
	t.WriteString(strings.ReplaceAll(strings.TrimSuffix(folded, "\n"), "\n", continued+"\n") + "\n")
}

// continued is the end of a line of a command that the next line continues.
const continued = " \\"

// shellWords returns the words of a command line of Report.Command, as they are quoted.
func shellWords(command string) (words []string) {
	start, quoted, escaped := 0, false, false
	for i, r := range command {
		switch {
		case escaped:
			escaped = false
		case r == '\'':
			quoted = !quoted
		case r == '\\' && !quoted:
			escaped = true
		case r == ' ' && !quoted:
			words, start = append(words, command[start:i]), i+1
		}
	}
	return append(words, command[start:])
}

// exact writes bytes that came back: each of their characters counts, so it folds anywhere.
func (t *text) exact(value, first, rest string) {
	letters := []rune(strings.ReplaceAll(value, "\n", " "))
	for {
		n := min(len(letters), max(1, t.Width-len(first)))
		t.WriteString(strings.TrimRight(first+string(letters[:n]), " ") + "\n")
		if letters, first = letters[n:], rest; len(letters) == 0 {
			return
		}
	}
}

// alsoFailed writes the rules whose failures the paragraph above explains, if any.
func (t *text) alsoFailed(rules []string) {
	if len(rules) > 0 {
		t.fold("also failed, probably for the same reason: "+strings.Join(rules, ", "), "  ", "    ")
	}
}

// verdict writes the last line.
func (t *text) verdict(v Verdict, summary string) {
	t.WriteString(t.paint(v, strings.TrimSuffix(draw.Fold(summary, t.Width, "", "  "), "\n")) + "\n")
}

func (t *text) paint(v Verdict, words string) string {
	if !t.Color {
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
