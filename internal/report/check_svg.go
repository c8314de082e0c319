package report

import (
	"fmt"
	"html"
	"io"
	"strings"

	"echod/check"
)

// Sizes of the picture of a grid, in pixels.
const (
	gridCellWidth, gridCellHeight = 22, 18
	gridLabelWidth                = 6.5 // of a letter of a name, at most
	gridCharWidth                 = 5.8 // on average
)

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
		top = max(top, len([]rune(head)))
	}
	left, top = 12+int(float64(left)*gridLabelWidth), 14+int(float64(top)*gridLabelWidth)
	legend := verdictLegend
	if more := g.Legend(); more != "" {
		legend += " A letter is the class of a failure: " + more + "."
	}
	width := left + max(len(g.Heads)*gridCellWidth, 200) + 8
	var b strings.Builder
	y := top
	for _, row := range g.Rows {
		fmt.Fprintf(&b, `<text x="6" y="%d">%s</text>`, y+13, html.EscapeString(row.Rule))
		for i, cell := range row.Cells {
			class := cell.Verdict
			if class == "" {
				class = "none"
			}
			x := left + i*gridCellWidth
			fmt.Fprintf(&b, `<g><title>%s</title><rect class="%s" x="%d" y="%d" width="%d" height="%d"/><text class="s %s" x="%d" y="%d">%s</text></g>`,
				html.EscapeString(cell.Title), class, x, y, gridCellWidth-2, gridCellHeight-2, class, x+gridCellWidth/2-1, y+12, cell.Sign)
		}
		b.WriteByte('\n')
		y += gridCellHeight
	}
	for _, line := range foldTo(legend, int(float64(width-12)/gridCharWidth)) {
		y += 15
		fmt.Fprintf(&b, `<text x="6" y="%d">%s</text>`, y, html.EscapeString(line))
	}
	height := y + 10
	var heads strings.Builder
	for i, head := range g.Heads {
		fmt.Fprintf(&heads, `<text transform="translate(%d %d)rotate(-90)">%s</text>`, left+i*gridCellWidth+gridCellWidth/2+3, top-6, html.EscapeString(head))
	}
	return writeMarkup(w, fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" class="g" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-label="%[3]s"><style>%[4]s</style><rect class="paper" width="%[1]d" height="%[2]d"/>%[5]s
%[6]s</svg>
`, width, height, html.EscapeString(gridLabel(checks)), gridStyle, heads.String(), b.String()))
}

const verdictLegend = "✓ the rule passes, ✗ it fails, – it was skipped, ? the result is inconclusive, · it did not run."

// gridLabel describes the picture in words.
func gridLabel(checks []Check) string {
	failed := 0
	for _, c := range checks {
		if c.Verdict() == check.Fail {
			failed++
		}
	}
	return fmt.Sprintf("The verdicts of %s: in %d of them a rule fails", count(len(checks), "check", "checks"), failed)
}
