package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"strings"

	"echod/internal/draw"
)

// Sizes of the picture of a grid, in pixels.
const (
	gridCellWidth, gridCellHeight = 22, 18
	gridMargin                    = 6
	gridLineHeight                = 15  // of the legend
	gridLetterWidth               = 6.5 // in a name, at most
	gridTextWidth                 = 5.8 // of a letter, on average
	gridMinWidth                  = 200 // of the cells with the legend
)

// mostLetters is how long a name above a column is.
const mostLetters = 40

const gridStyle = `.g{--paper:#fff;--ink:#1b1f24;--pass:#d9f2e3;--passed:#0b5a31;--fail:#fbdcd7;--failed:#8f1b12;--skip:#eceff2;--skipped:#515a64;--error:#ece0f7;--doubted:#5b2a86;font:11px system-ui,"DejaVu Sans",sans-serif}
@media (prefers-color-scheme:dark){.g{--paper:#14171b;--ink:#e6e9ec;--pass:#143524;--passed:#7ddba4;--fail:#47201c;--failed:#ffab9f;--skip:#262c33;--skipped:#a5afb9;--error:#35234a;--doubted:#d3b2f2}}
.g .paper{fill:var(--paper)}.g text{fill:var(--ink)}.g .s{text-anchor:middle;font-weight:600}
.g rect.pass{fill:var(--pass)}.g rect.fail{fill:var(--fail)}.g rect.skip{fill:var(--skip)}.g rect.error{fill:var(--error)}.g rect.none{fill:none}
.g text.pass{fill:var(--passed)}.g text.fail{fill:var(--failed)}.g text.skip,.g text.none{fill:var(--skipped)}.g text.error{fill:var(--doubted)}`

// WriteCheckSVG writes the grid of several results, or of one, as a picture that loads nothing.
func WriteCheckSVG(w io.Writer, checks []Check) error {
	g := gridOf(checks)
	left, top := 0, 0
	for _, row := range g.Rows {
		left = max(left, len(row.Rule))
	}
	for _, head := range g.Heads {
		top = max(top, min(len([]rune(head.Name)), mostLetters))
	}
	left, top = 2*gridMargin+int(float64(left)*gridLetterWidth), 2*gridMargin+int(float64(top)*gridLetterWidth)
	width := left + max(len(g.Heads)*gridCellWidth, gridMinWidth) + gridMargin
	var b strings.Builder
	for i, head := range g.Heads {
		fmt.Fprintf(&b, `<text transform="translate(%d %d)rotate(-90)">%s</text>`, left+i*gridCellWidth+gridCellWidth/2+3, top-gridMargin, html.EscapeString(cutTo(head.Name, mostLetters)))
	}
	b.WriteByte('\n')
	y := top
	for _, row := range g.Rows {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, gridMargin, y+13, html.EscapeString(row.Rule))
		for i, cell := range row.Cells {
			class := cmp.Or(cell.Verdict, "none")
			x := left + i*gridCellWidth
			fmt.Fprintf(&b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d"/><text class="s %s" x="%d" y="%d">%s</text></g>`,
				html.EscapeString(cell.Title), class, x, y, gridCellWidth-2, gridCellHeight-2, class, x+gridCellWidth/2-1, y+12, cell.Sign)
		}
		b.WriteByte('\n')
		y += gridCellHeight
	}
	legend := draw.Fold(g.Legend(), int(float64(width-2*gridMargin)/gridTextWidth), "", "")
	for line := range strings.Lines(legend) {
		y += gridLineHeight
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`, gridMargin, y, html.EscapeString(strings.TrimSpace(line)))
	}
	height := y + gridLineHeight - 3
	return writeMarkup(w, fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="g" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s"><style>%[4]s</style><rect class="paper" width="%[1]d" height="%[2]d"/>%[5]s
</svg>
`, width, height, html.EscapeString("Verdicts by rule. "+failing(checks)), gridStyle, b.String()))
}

// cutTo returns text, or the first n characters of it and dots in place of the last.
func cutTo(text string, n int) string {
	if letters := []rune(text); len(letters) > n {
		return string(letters[:n-1]) + "…"
	}
	return text
}
