package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"echod/internal/draw"
)

// WriteCheckText writes one result like echod check, and several as a table with a column for
// each.
func WriteCheckText(w io.Writer, checks []Check, color bool) error {
	if len(checks) == 1 {
		return checks[0].WriteBrief(w, color)
	}
	g, width := gridOf(checks), 0
	for _, row := range g.Rows {
		width = max(width, len(row.Rule))
	}
	var b strings.Builder
	cell := func(i int, text string, paint func(string) string) {
		pad := max(1, utf8.RuneCountInString(fmt.Sprint(i+1))) + 1 - utf8.RuneCountInString(text)
		b.WriteString(strings.Repeat(" ", pad) + paint(text))
	}
	asIs := func(text string) string { return text }
	fmt.Fprintf(&b, "%-*s", width+1, "")
	for i := range g.Heads {
		cell(i, fmt.Sprint(i+1), asIs)
	}
	b.WriteByte('\n')
	for _, row := range g.Rows {
		fmt.Fprintf(&b, "%-*s", width+1, row.Rule)
		for i, c := range row.Cells {
			paint := asIs
			if color {
				paint = c.Verdict.Paint
			}
			cell(i, c.Sign, paint)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n" + draw.Fold(g.Legend(), 80, "", "") + "\n")
	column := 0
	for _, c := range checks {
		heads := len(columnsOf(c, len(checks)))
		numbers := fmt.Sprint(column + 1)
		if heads > 1 {
			numbers += fmt.Sprintf("–%d", column+heads)
		}
		column += heads
		summary := strings.TrimSuffix(draw.Fold(c.Name+": "+c.Summary(), 80, numbers+"  ", strings.Repeat(" ", utf8.RuneCountInString(numbers)+2)), "\n")
		if color {
			summary = c.Verdict().Paint(summary)
		}
		b.WriteString(summary + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
