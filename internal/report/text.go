package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"echod/internal/load"
)

// WriteText writes one result for people: what was asked, where, what came of it,
// and what must be known of that. Color marks what is bad by ANSI escape
// sequences.
func WriteText(w io.Writer, r *load.Result, color bool) error {
	return CompareText(w, []Run{{Result: r}}, color)
}

// CompareText writes several results side by side, the later ones as multiples
// of the first, too.
func CompareText(w io.Writer, runs []Run, color bool) error {
	t := text{color: color}
	for _, run := range runs {
		t.origin(originOf(run))
	}
	t.table(runs)
	for _, run := range runs {
		t.warnings(originOf(run))
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
	return "\x1b[31m" + words + "\x1b[0m"
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
