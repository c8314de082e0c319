package report

import (
	"fmt"
	"io"
	"time"

	"echod/internal/draw"
	"echod/internal/ping"
)

// pingHTML collects the probes of each target in columns of time, and writes a page at the end.
// However long the ping is, there are at most maxIntervals columns.
type pingHTML struct {
	w       io.Writer
	targets []PingTarget
	begin   time.Time
	step    time.Duration // the time of a column
	columns [][]heatColumn
}

// PingHTML returns a Ping that writes a page for a browser at the end.
func PingHTML(w io.Writer, targets []PingTarget) Ping {
	// A column has two probes at first: one would miss the column if it is sent a little late.
	step := max(2*targets[0].Interval, 200*time.Millisecond)
	return &pingHTML{w: w, targets: targets, step: step, columns: make([][]heatColumn, len(targets))}
}

// Start writes an empty line, which HTML ignores before a page: if nothing can be written, ping
// ends now and not after hours.
func (p *pingHTML) Start() error {
	p.begin = time.Now()
	_, err := io.WriteString(p.w, "\n")
	return err
}

func (p *pingHTML) Probe(target int, probe ping.Probe) error {
	if probe.Fate != ping.Answered && probe.Fate != ping.Lost {
		return nil
	}
	sent := probe.Sent
	if sent.IsZero() {
		sent = probe.At // there was no connection
	}
	c := p.column(target, sent)
	c.settled++
	if probe.Fate == ping.Lost {
		c.lost++
	} else {
		c.rows.Record(probe.RTT)
	}
	return nil
}

func (p *pingHTML) Conn(int, ping.ConnEvent) error { return nil }

// Pause adds nothing: the columns of a pause have no probes.
func (p *pingHTML) Pause(int, ping.Pause) error { return nil }

// column returns the column of a moment. If there would be too many, columns become twice as long.
func (p *pingHTML) column(target int, at time.Time) *heatColumn {
	for max(at.Sub(p.begin), 0) >= maxIntervals*p.step {
		p.step *= 2
		for i := range p.columns {
			p.columns[i] = halved(p.columns[i])
		}
	}
	i := int(max(at.Sub(p.begin), 0) / p.step)
	for len(p.columns[target]) <= i {
		p.columns[target] = append(p.columns[target], heatColumn{})
	}
	return &p.columns[target][i]
}

// halved adds up neighbours.
func halved(columns []heatColumn) (half []heatColumn) {
	for i, c := range columns {
		if i%2 == 0 {
			half = append(half, c)
			continue
		}
		sum := &half[i/2]
		sum.rows.Add(c.rows)
		sum.lost, sum.settled = sum.lost+c.lost, sum.settled+c.settled
	}
	return half
}

func (p *pingHTML) End(results []PingResult) error {
	page := newPage(results[0].Name)
	if len(results) > 1 {
		page.Title = count(len(results), "target", "targets")
	}
	t := p.targets[0]
	page.Kind, page.Foot = "echod ping", "A round trip is the time from sending a probe until the last byte of its reply has been received."
	page.Lead = fmt.Sprintf("%s, %d bytes every %s, timeout %s", p.begin.UTC().Format("2006-01-02 15:04:05 UTC"), t.Size, draw.Brief(t.Interval), draw.Brief(t.Timeout))
	page.Above = []pageTable{{Title: "Results", Rows: pingTable(results), Heading: true}}
	if rows := thresholdTable(results); len(rows) > 1 {
		page.Above = append(page.Above, pageTable{Title: "Thresholds", Rows: rows, Heading: true})
	}
	length := 0
	for _, columns := range p.columns {
		length = max(length, len(columns))
	}
	step := p.step.Seconds()
	for i := range p.columns {
		for len(p.columns[i]) < length {
			p.columns[i] = append(p.columns[i], heatColumn{}) // nothing was sent
		}
		for n := range p.columns[i] {
			c := &p.columns[i][n]
			c.span, c.median = span{float64(n) * step, float64(n+1) * step}, c.rows.Quantile(0.5).Seconds()
		}
	}
	low, high := heatScale(p.columns...)
	for i, r := range results {
		c := chart{Title: "Heat map of round trips", X: draw.Time(max(float64(length)*step, 1)),
			Says: fmt.Sprintf("A column is %s. The stronger the colour of a cell, the more of the replies to probes of this time took that long. What was lost is in the lane below.", draw.Seconds.Label(step))}
		if len(results) > 1 {
			c.Title += ": " + r.Name
		}
		c.addHeat("round trips", p.columns[i], low, high)
		if r.Lost > 0 {
			c.Heat.Missing = fmt.Sprintf("lost %d: %s", r.Lost, classCounts(r.LostBy))
			if r.Late > 0 {
				c.Heat.Missing += fmt.Sprintf("; %d of these were answered late", r.Late)
			}
		}
		page.Charts = append(page.Charts, c)
	}
	return pageTemplate.Execute(p.w, page)
}

// thresholdTable returns a row for each threshold of each target, below a row of labels.
func thresholdTable(results []PingResult) [][]cell {
	rows := [][]cell{{{Text: "target"}, {Text: "threshold"}, {Text: "value"}}}
	for _, r := range results {
		for _, v := range r.Verdicts {
			rows = append(rows, []cell{{Text: r.Name}, {Text: v.Threshold}, {v.Value, !v.Met}})
		}
	}
	return rows
}
