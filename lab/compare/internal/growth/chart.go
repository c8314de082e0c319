package growth

import (
	"math"
	"slices"
	"strings"

	"echod/internal/draw"
	"echod/lab/compare/internal/comparison"
)

// Load says how many of the connections carry messages.
type Load struct {
	Name   string
	least  int // connections with which the line begins
	most   int // connections with which it ends at the latest
	active func(conns int) int
}

// The loads. A percent begins with 100 connections: below, it would be one connection too.
var (
	One     = Load{"One active", 1, many, func(int) int { return 1 }}
	Percent = Load{"1 % active", 100, many, func(conns int) int { return conns / 100 }}
	All     = Load{"All active", 1, many, func(conns int) int { return conns }}
	// Idle is the load of memory. With fewer connections, what a server allocates once is more
	// than what it allocates for each. The connections are opened one after another, and each is a wait for
	// all: with 19,000, poll needs more than a minute.
	Idle = Load{"All idle", 1000, 10700, func(int) int { return 0 }}
)

// has reports whether the line has a dot at this number of connections.
func (l Load) has(conns int) bool { return l.least <= conns && conns <= l.most }

// loads are the loads with messages.
var loads = []Load{One, Percent, All}

// Quantity is what a chart shows of a point.
type Quantity struct {
	Name   string
	unit   draw.Unit
	values func(Point) []float64
}

// The quantities. CPU is the time of the server process only. On loopback it includes the TCP
// work of the client for the messages that the server sends; that is the same for all servers.
var (
	CPU = Quantity{"server CPU per message", draw.Seconds, ofSlices(func(s comparison.Sample) float64 {
		return s.ServerSeconds / s.Messages
	})}
	Throughput = Quantity{"messages per second", draw.Number, ofSlices(func(s comparison.Sample) float64 {
		return s.Messages / s.Seconds
	})}
	Memory = Quantity{"memory per connection", draw.Bytes, func(p Point) []float64 { return p.IdleBytes }}
)

// ofSlices returns a function for the values of all slices of a point.
func ofSlices(of func(comparison.Sample) float64) func(Point) []float64 {
	return func(p Point) []float64 {
		var all []float64
		for _, s := range p.Slices {
			all = append(all, of(s))
		}
		return all
	}
}

// Chart is a quantity under a load, with a line for each server.
type Chart struct {
	Load
	Quantity
	Lines []Line
}

// Line has the median of a server for each number of connections, in ascending order.
type Line struct {
	Server string
	Dots   []Dot
	Fit    Fit
	Fitted bool
}

// name returns the name of the server as the picture has it: epoll, not echod epoll.
func (l Line) name() string { return engine(l.Server) }

func engine(server string) string { return strings.TrimPrefix(server, comparison.EchodName("")) }

// value returns the median with a number of connections, or NaN.
func (l Line) value(conns int) float64 {
	for _, d := range l.Dots {
		if d.Conns == conns {
			return d.Value
		}
	}
	return math.NaN()
}

// Charts returns the charts with messages, by load and then by quantity, and the one of memory.
func (r Report) Charts() []Chart {
	var all []Chart
	for _, load := range loads {
		all = append(all, r.chart(load, CPU), r.chart(load, Throughput))
	}
	return append(all, r.chart(Idle, Memory))
}

func (r Report) chart(load Load, q Quantity) Chart {
	c := Chart{Load: load, Quantity: q}
	for _, server := range Servers {
		line := Line{Server: server}
		for _, conns := range Conns {
			p, ok := r.point(server, conns, load.active(conns))
			if !ok || !load.has(conns) {
				continue
			}
			if v := p.median(q); v > 0 { // only positive values have a logarithm
				line.Dots = append(line.Dots, Dot{conns, v})
			}
		}
		line.Fit, line.Fitted = FitLast(line.Dots)
		c.Lines = append(c.Lines, line)
	}
	return c
}

// median returns the median of a quantity, or 0 if there is none.
func (p Point) median(q Quantity) float64 {
	values := slices.Sorted(slices.Values(q.values(p)))
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}

// title returns e.g. One active: messages per second.
func (c Chart) title() string { return c.Load.Name + ": " + c.Quantity.Name }

// line returns the line of a server.
func (c Chart) line(server string) Line {
	for _, l := range c.Lines {
		if l.Server == server {
			return l
		}
	}
	return Line{}
}
