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

// WriteText writes the report as a table of ratios to the C yardstick, each as
// the median of its rounds with the quartiles and the extremes.
func (r Report) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s\n\n", r.Environment)
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "engine\tworkload\tC msg/s\tengine msg/s\tratio to C\tmedian\tquartiles\trange")
	for _, res := range r.Results {
		head := fmt.Sprintf("%s\t%s\t%.0f\t%.0f", res.Engine, res.Workload, res.BaseRate, res.RivalRate)
		for _, m := range Measures() {
			fmt.Fprintf(t, "%s\t%s\t%s\n", head, m.Name, res.Ratio(m))
			head = "\t\t\t"
		}
	}
	return t.Flush()
}

// String is three cells of a table.
func (s Spread) String() string {
	return fmt.Sprintf("%.3f\t%.3f–%.3f\t%.3f–%.3f", s.Median, s.Q1, s.Q3, s.Min, s.Max)
}
