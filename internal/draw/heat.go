package draw

import (
	"maps"
	"math"
	"slices"
)

// Heat is a heat map of durations over time. Columns are intervals of time. Rows are durations, in
// equal steps of a logarithmic axis, so that one long duration leaves the short ones apart. The
// shade of a cell is its part of the durations of its column: a column with a million messages
// does not make the others white, and an outage with few of them is as dark as the rest. What has
// no duration is in a lane of its own below the rows.
type Heat struct {
	Y       Axis // of the rows, above the lane
	x       Axis
	lane    float64 // height of the lane, as a part of the height
	perTen  int     // rows for each power of ten
	columns []*HeatColumn
}

// HeatColumn is an interval of time, and what is known of it.
type HeatColumn struct {
	heat     *Heat
	from, to float64 // places on the horizontal axis
	cells    map[int]int64
	answers  int64 // in cells

	Lost    int64 // without an answer
	Of      int64 // the messages of which Lost is a part
	Waiting bool  // messages were due, and none has an outcome in this interval
}

// NewHeat returns a heat map without columns, for durations from low to high, which are positive
// seconds. Lane is the height of the lane, as a part of the height. There are at most that many
// rows, unless five for each power of ten are more. The axis of durations has at most that many
// ticks, unless all are powers of ten.
func NewHeat(x Axis, low, high, lane float64, rows, ticks int) *Heat {
	h := &Heat{x: x, Y: Log(low, high, ticks, Seconds.Label).Upward().until(1 - lane), lane: lane, perTen: 5}
	for _, n := range []int{10, 20} {
		if float64(n)*math.Log10(high/low) < float64(rows) {
			h.perTen = n
		}
	}
	return h
}

// until returns a that ends at this part of its side.
func (a Axis) until(part float64) Axis {
	short := Axis{Place: func(v float64) float64 { return a.Place(v) * part }}
	for _, t := range a.Ticks {
		short.Ticks = append(short.Ticks, Tick{Hundredths(t.At * part), t.Label, t.Minor})
	}
	return short
}

// Column adds a column from one place of the horizontal axis to a later one. Columns are added in
// their order.
func (h *Heat) Column(from, to float64) *HeatColumn {
	within := func(v float64) float64 { return min(max(h.x.Place(v), 0), 1) }
	c := &HeatColumn{heat: h, from: within(from), to: within(to), cells: map[int]int64{}}
	h.columns = append(h.columns, c)
	return c
}

// Add adds messages that took this long, in seconds.
func (c *HeatColumn) Add(duration float64, messages int64) {
	c.cells[c.heat.row(duration)] += messages
	c.answers += messages
}

// empty reports whether nothing was due.
func (c *HeatColumn) empty() bool { return c.answers == 0 && c.Lost == 0 && !c.Waiting }

// row returns the row of a duration: the durations of a row are above limit(row-1), up to
// limit(row).
func (h *Heat) row(duration float64) int {
	return int(math.Ceil(math.Log10(duration)*float64(h.perTen) - almost))
}

func (h *Heat) limit(row int) float64 { return math.Pow(10, float64(row)/float64(h.perTen)) }

// HeatSteps are the upper limits of all shades but the darkest, as parts of a column.
var HeatSteps = []float64{0.001, 0.01, 0.05, 0.2}

// shade returns the index of the shade of a cell.
func (c *HeatColumn) shade(messages int64) int {
	i := 0
	for i < len(HeatSteps) && float64(messages) > HeatSteps[i]*float64(c.answers) {
		i++
	}
	return i
}

// HeatPaths are the SVG paths of a heat map; "" for what it does not have.
type HeatPaths struct {
	Shades  []string // the cells, one path for each shade, from few messages to many
	Lost    string   // in the lane: as high as the part that was lost, but never invisible
	AllLost string   // columns of which everything was lost
	Waiting string   // in the lane: messages were due, and none has an outcome
	Gaps    string   // empty columns, and times between two columns: nothing was due
}

// heatBox is a row of cells with one shade.
type heatBox struct{ left, right, shade int }

// Paths draws h in a space of this width and height. Neighbours with one shade are one box.
func (h *Heat) Paths(width, height int) HeatPaths {
	shades := make([]Path, len(HeatSteps)+1)
	open := map[int]heatBox{} // by row
	finish := func(row int) {
		top, bottom := h.sides(row, height)
		shades[open[row].shade].Box(open[row].left, open[row].right, top, bottom)
	}
	var lost, all, waiting, gaps Path
	end := -1 // of the columns so far
	for _, c := range h.columns {
		left, right := c.sides(width)
		if end >= 0 && left > end {
			gaps.Box(end, left, 0, height)
		}
		if c.empty() {
			gaps.Box(left, right, 0, height)
		}
		end = max(end, right)
		for _, row := range slices.Sorted(maps.Keys(c.cells)) {
			box := heatBox{left, right, c.shade(c.cells[row])}
			if before, found := open[row]; found && before.right == left && before.shade == box.shade {
				box.left = before.left
			} else if found {
				finish(row)
			}
			open[row] = box
		}
		lane := h.lane * float64(height)
		switch part := float64(c.Lost) / float64(max(c.Of, c.Lost, 1)); {
		case c.Waiting:
			waiting.Box(left, right, height-int(0.4*lane), height)
		case c.Lost > 0:
			lost.Box(left, right, height-int(math.Round(max(part, 0.3)*lane)), height)
			if part == 1 {
				all.Box(left, right, 0, height)
			}
		}
	}
	for _, row := range slices.Sorted(maps.Keys(open)) {
		finish(row)
	}
	p := HeatPaths{Lost: lost.String(), AllLost: all.String(), Waiting: waiting.String(), Gaps: gaps.String()}
	for i := range shades {
		p.Shades = append(p.Shades, shades[i].String())
	}
	return p
}

// thinnest is the part of a side that a box has at least, so that it can be seen.
const thinnest = 1.0 / 400

// sides returns the left and the right side of a column.
func (c *HeatColumn) sides(width int) (left, right int) {
	return apart(int(math.Round(c.from*float64(width))), int(math.Round(c.to*float64(width))), width)
}

// sides returns the top and the bottom of a row.
func (h *Heat) sides(row, height int) (top, bottom int) {
	place := func(row int) int { return int(math.Round(h.Y.Place(h.limit(row)) * float64(height))) }
	return apart(place(row), place(row-1), height)
}

// apart returns two sides that are not too near to be seen, from 0 to length.
func apart(low, high, length int) (int, int) {
	high = min(max(high, low+max(int(thinnest*float64(length)), 1)), length)
	return max(min(low, high-max(int(thinnest*float64(length)), 1)), 0), high
}
