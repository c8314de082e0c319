package draw

import (
	"strconv"
	"strings"
)

// Point is a place in an SVG picture.
type Point struct{ X, Y int }

// Path is an SVG path in the making.
type Path struct{ text strings.Builder }

// String returns the path, as the attribute d has it.
func (p *Path) String() string { return p.text.String() }

func (p *Path) add(command string, numbers ...int) {
	p.text.WriteString(command)
	for i, n := range numbers {
		if i > 0 && n >= 0 { // a minus sign separates numbers too
			p.text.WriteByte(' ')
		}
		p.text.WriteString(strconv.Itoa(n))
	}
}

// Move starts a new line at a point.
func (p *Path) Move(to Point) { p.add("M", to.X, to.Y) }

// Horizontal continues the line to x.
func (p *Path) Horizontal(x int) { p.add("H", x) }

// Vertical continues the line to y.
func (p *Path) Vertical(y int) { p.add("V", y) }

// Box adds a rectangle.
func (p *Path) Box(left, right, top, bottom int) {
	p.Move(Point{left, top})
	p.Horizontal(right)
	p.Vertical(bottom)
	p.Horizontal(left)
	p.add("z")
}

// Line adds a line through points. A single point is a dot.
func (p *Path) Line(points []Point) {
	for i, point := range points {
		if i == 0 {
			p.Move(point)
			continue
		}
		p.add("l", point.X-points[i-1].X, point.Y-points[i-1].Y)
	}
	if len(points) == 1 {
		p.add("h0")
	}
}

// Area adds the area between a line through points and the bottom.
func (p *Path) Area(points []Point, bottom int) {
	if len(points) == 0 {
		return
	}
	if len(points) == 1 {
		p.Move(points[0])
	} else {
		p.Line(points)
	}
	p.Vertical(bottom)
	p.Horizontal(points[0].X)
	p.add("z")
}
