package report

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"echod/check"
	"echod/internal/draw"
)

// WriteCheckText writes one result like echod check, and several as a table with a column for
// each. What does not fit beside each other is below each other.
func WriteCheckText(w io.Writer, checks []Check, style check.TextStyle) error {
	if len(checks) == 1 {
		return checks[0].WriteStyled(w, style)
	}
	style.Width = cmp.Or(style.Width, 80)
	g := gridOf(checks)
	names := 0
	for _, row := range g.Rows {
		names = max(names, len(row.Rule))
	}
	field := len(strconv.Itoa(len(g.Heads))) + 1 // the number of a column is above it
	atOnce := max(1, (style.Width-names-1)/field)
	var b strings.Builder
	for first := 0; first < len(g.Heads); first += atOnce {
		last := min(first+atOnce, len(g.Heads))
		fmt.Fprintf(&b, "%-*s", names+1, "")
		for i := first; i < last; i++ {
			fmt.Fprintf(&b, "%*d", field, i+1)
		}
		b.WriteByte('\n')
		for _, row := range g.Rows {
			fmt.Fprintf(&b, "%-*s", names+1, row.Rule)
			for _, c := range row.Cells[first:last] {
				b.WriteString(strings.Repeat(" ", field-1) + painted(style, c.Verdict, c.Sign))
			}
			b.WriteByte('\n')
		}
		b.WriteByte('\n')
	}
	b.WriteString(draw.Fold(g.Legend(), style.Width, "", "") + "\n")
	column := 0
	for _, c := range checks {
		heads := len(columnsOf(c, len(checks)))
		number := strconv.Itoa(column + 1)
		if heads > 1 {
			number += fmt.Sprintf("–%d", column+heads)
		}
		column += heads
		number += "  "
		summary := draw.Fold(c.Name+": "+c.Summary(), style.Width, number, strings.Repeat(" ", utf8.RuneCountInString(number)))
		b.WriteString(painted(style, c.Verdict(), strings.TrimSuffix(summary, "\n")) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// painted returns text in the color of v, if the style has colors.
func painted(style check.TextStyle, v check.Verdict, text string) string {
	if style.Color {
		return v.Paint(text)
	}
	return text
}
