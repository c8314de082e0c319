package duel

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report is everything a run has to tell. Encoded as JSON it holds the raw
// samples too, so that another reading of them can be made later.
type Report struct {
	Environment Environment `json:"environment"`
	Seconds     float64     `json:"seconds"` // of each sample, of which a round has four
	Results     []Result    `json:"results"`
}

// WriteText writes the report as a table: ratios to the C yardstick, throughput
// (more is better) and CPU per message (less is better), each as the median
// with its quartiles and its extremes.
func (r Report) WriteText(w io.Writer) error {
	fmt.Fprintln(w, r.Environment)
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\t\t\tmessages/s\t\tthroughput / C\t\t\tCPU per message / C")
	fmt.Fprintln(t, "engine\tworkload\trounds\tC\tengine\tmedian\tquartiles\trange\tmedian\tquartiles\trange")
	for _, res := range r.Results {
		fmt.Fprintf(t, "%s\t%s\t%d\t%.0f\t%.0f\t%s\t%s\n", res.Engine, res.Workload, len(res.Rounds),
			res.BaseRate, res.RivalRate, res.Throughput, res.CPU)
	}
	return t.Flush()
}

// String is three cells of a table.
func (s Spread) String() string {
	return fmt.Sprintf("%.3f\t%.3f–%.3f\t%.3f–%.3f", s.Median, s.Q1, s.Q3, s.Min, s.Max)
}
