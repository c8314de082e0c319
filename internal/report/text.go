package report

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"echod/internal/draw"
	"echod/internal/load"
)

// WriteText writes runs side by side for people: what was measured and where, the result in
// a sentence, the figures, warnings and thresholds. Each run after the first has a column of its
// figures as multiples of the first. Color marks what is bad by ANSI escape sequences.
func WriteText(w io.Writer, runs []Run, color bool) error {
	var origins []origin
	for _, run := range runs {
		origins = append(origins, originOf(run))
	}
	if len(runs) == 1 {
		origins[0].Name = "" // there is nothing to tell it from
	}
	t := text{color: color}
	for _, o := range origins {
		t.origin(o)
	}
	t.rows(table(runs))
	if len(runs) == 1 {
		for _, rows := range [][][]cell{addressTable(runs[0].Result), workerTable(runs[0].Result)} {
			if rows != nil {
				fmt.Fprintln(&t)
				t.rows(rows)
			}
		}
		t.histogram(runs[0].Result)
	}
	for _, o := range origins {
		t.warnings(o)
	}
	for _, run := range runs {
		if len(run.Verdicts) > 0 {
			fmt.Fprintln(&t)
			WriteVerdicts(&t, run.Verdicts, color)
		}
	}
	_, err := io.WriteString(w, t.String())
	return err
}

type text struct {
	strings.Builder
	color bool
}

func (t *text) origin(o origin) {
	if o.Name != "" {
		fmt.Fprintln(t, printable(o.Name))
	}
	fmt.Fprintln(t, printable(o.URL+"  "+o.When))
	for _, line := range append([]string{o.Plan}, o.Machines...) {
		t.folded(line, false)
	}
	if o.Name == "" && o.Headline != "" {
		fmt.Fprintln(t)
	}
	if o.Conclusion.Text != "" {
		t.folded(o.Conclusion.Text, !o.Conclusion.Good)
	}
	if o.Headline != "" {
		t.folded(o.Headline, false)
	}
	fmt.Fprintln(t)
}

// textColumns is the width of a report, except for tables that need more.
const textColumns = 80

// word is what is not folded. Spaces in quotes are part of what was received.
var word = regexp.MustCompile(`("(\\.|[^"\\])*"|\S)+`)

// folded writes a paragraph.
func (t *text) folded(words string, bad bool) {
	for line := range strings.Lines(draw.FoldWords(word.FindAllString(printable(words), -1), textColumns, "", "  ")) {
		fmt.Fprintln(t, t.mark(strings.TrimSuffix(line, "\n"), bad))
	}
}

// rows writes a table with aligned columns.
func (t *text) rows(rows [][]cell) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			row[i].Text = printable(cell.Text)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell.Text))
			if i == 0 {
				line.WriteString(cell.Text + pad)
				continue
			}
			line.WriteString("  " + pad + t.mark(cell.Text, cell.Bad))
		}
		fmt.Fprintln(t, strings.TrimRight(line.String(), " "))
	}
}

// histogramWidth is the length of the longest bar.
const histogramWidth = 40

// histogram draws the distribution of latency.
func (t *text) histogram(r *load.Result) {
	for i, b := range bars(r.Latency) {
		if i == 0 {
			fmt.Fprintln(t, "\nlatency up to")
		}
		// A bucket with few messages has a bar that can be seen.
		line := strings.Repeat("█", int(b.Count*histogramWidth/b.most))
		if line == "" && b.Count > 0 {
			line = "▏"
		}
		fmt.Fprintf(t, "%10s  %-*s  %10s  %9s\n", b.UpTo, histogramWidth, line, b.Messages, b.Part)
	}
}

func (t *text) warnings(o origin) {
	name := o.Name
	if name != "" {
		name += ": "
	}
	for i, warning := range o.Warnings {
		if i == 0 {
			fmt.Fprintln(t)
		}
		t.folded(name+warning, true)
	}
}

func (t *text) mark(words string, bad bool) string {
	if !bad || !t.color {
		return words
	}
	return red.paint(words)
}

// printable escapes control characters as Go does: a file may come from anywhere, and
// they could change the terminal.
func printable(words string) string {
	if strings.IndexFunc(words, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return words
	}
	quoted := strconv.Quote(words)
	return quoted[1 : len(quoted)-1]
}
