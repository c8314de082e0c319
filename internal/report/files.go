package report

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"echod/internal/load"
)

// The formats of this file are for other programs.

// WriteCSV writes a line for each second of a run, after a line of names: what was due and
// what became of it, and quantiles of latency in seconds.
func WriteCSV(w io.Writer, run Run) error {
	percentiles := run.Percentiles
	if percentiles == nil {
		percentiles = DefaultPercentiles
	}
	quantiles := append(quantilesAt(percentiles...), maximum)
	names := []string{"at_seconds", "seconds", "due", "answered", "failed", "lost", "bytes_in", "conns"}
	for _, q := range quantiles {
		names = append(names, "latency_"+q.key+"_seconds")
	}
	out := csv.NewWriter(w)
	out.Write(names)
	for _, in := range run.Result.Intervals {
		out.Write(csvLine(in, quantiles))
	}
	out.Flush()
	return out.Error()
}

// csvLine returns the fields of one second. Latency is empty if nothing was measured.
func csvLine(in load.Interval, quantiles []quantile) []string {
	seconds := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	line := []string{seconds(in.At), seconds(in.Seconds)}
	for _, n := range []int64{in.Due, in.Answered, in.Failed, in.Lost, in.BytesIn, int64(in.Conns)} {
		line = append(line, strconv.FormatInt(n, 10))
	}
	for _, q := range quantiles {
		if in.Latency.Count() == 0 {
			line = append(line, "")
		} else {
			line = append(line, seconds(in.Latency.Quantile(q.part).Seconds()))
		}
	}
	return line
}

// WriteHgrm writes the percentiles of latency in milliseconds, the unit of other tools, for
// the plotter of HdrHistogram.
func WriteHgrm(w io.Writer, run Run) error {
	return run.Result.Latency.WriteHgrm(w, time.Millisecond)
}

// WriteHlog writes the latency of each second as a log of HdrHistogram, version 1.3, which
// its libraries and tools read: HistogramLogWriter of its Java library. Values are
// nanoseconds.
func WriteHlog(w io.Writer, run Run) error {
	r := run.Result
	begin := float64(r.Started.UnixMilli()) / 1000
	_, err := fmt.Fprintf(w, "#[Histogram log format version 1.3]\n#[StartTime: %.3f (seconds since epoch), %s]\n"+
		"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
		begin, r.Started.UTC().Format(time.RFC3339))
	for _, in := range r.Intervals {
		_, writeErr := fmt.Fprintf(w, "%.3f,%.3f,%.3f,%s\n", begin+in.At, in.Seconds, float64(in.Latency.Max())/float64(time.Millisecond), in.Latency.Encoded())
		err = cmp.Or(err, writeErr)
	}
	return err
}
