package draw

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Plot is a chart of characters, for terminals.
type Plot struct {
	x, y   Axis
	labels int // columns to the left of the vertical axis
	cells  [][]rune
}

// NewPlot returns an empty chart over two axes that start at the bottom left. It is width
// columns wide, with the labels of the vertical axis, and height lines high, with the horizontal
// axis and its labels.
func NewPlot(x, y Axis, width, height int) *Plot {
	p := &Plot{x: x, y: y}
	for _, tick := range y.Ticks {
		p.labels = max(p.labels, utf8.RuneCountInString(tick.Label))
	}
	for range max(height-2, 1) {
		p.cells = append(p.cells, slices.Repeat([]rune{' '}, max(width-p.labels-2, 1)))
	}
	return p
}

// column and row return the cell of a place from 0 to 1.
func (p *Plot) column(place float64) int { return nearest(place, len(p.cells[0])) }
func (p *Plot) row(place float64) int    { return nearest(1-place, len(p.cells)) }

func nearest(place float64, n int) int {
	return int(math.Round(min(max(place, 0), 1) * float64(n-1)))
}

// Level draws a horizontal line at y through the cells that are empty.
func (p *Plot) Level(y float64, mark rune) {
	row := p.cells[p.row(p.y.Place(y))]
	for i, cell := range row {
		if cell == ' ' {
			row[i] = mark
		}
	}
}

// Point draws a point over whatever is in its cell.
func (p *Plot) Point(x, y float64, mark rune) {
	p.cells[p.row(p.y.Place(y))][p.column(p.x.Place(x))] = mark
}

// Join draws a point in a cell that is empty, or shared in one that has another mark. It reports
// whether it was another.
func (p *Plot) Join(x, y float64, mark, shared rune) bool {
	cell := &p.cells[p.row(p.y.Place(y))][p.column(p.x.Place(x))]
	another := *cell != ' ' && *cell != mark
	if another {
		mark = shared
	}
	*cell = mark
	return another
}

// Enclose draws brackets around the cell of a point, where the cells beside it are empty.
func (p *Plot) Enclose(x, y float64) {
	row, column := p.cells[p.row(p.y.Place(y))], p.column(p.x.Place(x))
	if column > 0 && row[column-1] == ' ' {
		row[column-1] = '['
	}
	if column+1 < len(row) && row[column+1] == ' ' {
		row[column+1] = ']'
	}
}

// String returns the lines of the chart. A label for which there is no room is omitted.
func (p *Plot) String() string {
	names := make([]string, len(p.cells))
	for _, tick := range p.y.Ticks {
		if row := p.row(tick.At / 100); names[row] == "" {
			names[row] = tick.Label
		}
	}
	var b strings.Builder
	line := func(name, rest string) {
		pad := strings.Repeat(" ", p.labels-utf8.RuneCountInString(name))
		b.WriteString(strings.TrimRight(pad+name+rest, " ") + "\n")
	}
	for i, row := range p.cells {
		line(names[i], " |"+string(row))
	}
	width := len(p.cells[0])
	line("", " +"+strings.Repeat("-", width))
	below := slices.Repeat([]rune{' '}, width)
	free := -2 // the first column that a label may use
	for _, tick := range p.x.Ticks {
		label := []rune(tick.Label)
		start := min(max(p.column(tick.At/100)-len(label)/2, 0), width-len(label))
		if start > free+1 && start >= 0 {
			copy(below[start:], label)
			free = start + len(label)
		}
	}
	line("", "  "+string(below))
	return b.String()
}
