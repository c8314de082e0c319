package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes runs side by side for people: what was measured and where, the
// figures, warnings and thresholds. Each run after the first has a column of its
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
	t.table(runs)
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
	for _, line := range append([]string{o.URL + "  " + o.When, o.Plan}, o.Machines...) {
		fmt.Fprintln(t, printable(line))
	}
	fmt.Fprintln(t)
}

// table has a row for each figure that was measured, and a column for each run.
func (t *text) table(runs []Run) {
	rows := table(runs)
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

func (t *text) warnings(o origin) {
	name := o.Name
	if name != "" {
		name += ": "
	}
	for i, warning := range o.Warnings {
		if i == 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintln(t, t.mark(printable(name+warning), true))
	}
}

func (t *text) mark(words string, bad bool) string {
	if !bad || !t.color {
		return words
	}
	return red.paint(words)
}

// printable shows what would not, or would do something to a terminal, as Go
// writes it: files may come from anywhere.
func printable(words string) string {
	if strings.IndexFunc(words, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return words
	}
	quoted := strconv.Quote(words)
	return quoted[1 : len(quoted)-1]
}
