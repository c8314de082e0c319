package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"echod/internal/dial"
	"echod/internal/draw"
	"echod/internal/hist"
	"echod/internal/ping"
)

// WritePingResults writes the results of a ping as text. Several have their names above them,
// and a table of all is the end.
func WritePingResults(w io.Writer, results []PingResult, color bool) error {
	t := text{color: color}
	if len(results) == 1 {
		t.pingResult(results[0])
	} else {
		for _, r := range results {
			fmt.Fprintln(&t, r.Name)
			t.pingResult(r)
			fmt.Fprintln(&t)
		}
		t.rows(pingTable(results))
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// pingResult writes the result of one target. An event that is rare has a line only if it
// happened.
func (t *text) pingResult(s PingResult) {
	fmt.Fprintf(t, "%s, %d duplicated, %d reordered\n", pingCounts(s), s.Duplicated, s.Reordered)
	if s.Lost > 0 {
		fmt.Fprintf(t, "lost        %s\n", classCounts(s.LostBy))
	}
	if rare := rareEvents(s.Summary); rare != "" {
		fmt.Fprintf(t, "also        %s\n", rare)
	}
	if s.Paused > 0 {
		fmt.Fprintf(t, "paused      %d probes are not counted: this process did not run for %s\n", s.Paused, draw.Duration(s.PausedFor))
	}
	if s.Reconnects > 0 || s.Down > 0 {
		fmt.Fprintf(t, "reconnects  %d, and %s without a connection\n", s.Reconnects, draw.Duration(s.Down))
	}
	if s.LowestTTL > 0 {
		fmt.Fprintf(t, "distance    %s\n", distance(s.Summary))
	}
	if s.Received > 0 {
		writePingTimes(t, s.Summary)
	}
	WriteVerdicts(t, s.Verdicts, t.color)
}

// pingCounts says what became of the probes that have a result.
func pingCounts(s PingResult) string {
	return fmt.Sprintf("%d sent, %d received, %d lost (%s)", s.Sent, s.Received, s.Lost, draw.Percentage(s.Loss()))
}

// pingTable returns a row for each target, below a row of labels.
func pingTable(results []PingResult) [][]cell {
	rows := [][]cell{nil}
	for _, label := range []string{"target", "sent", "received", "loss", "min", "p50", "p99", "max"} {
		rows[0] = append(rows[0], cell{Text: label})
	}
	for _, r := range results {
		row := []cell{{Text: r.Name}, {Text: draw.Whole(float64(r.Sent))}, {Text: draw.Whole(float64(r.Received))},
			{draw.Percentage(r.Loss()), r.Lost > 0}}
		for _, d := range []time.Duration{r.RTT.Min, r.RTT.P50, r.RTT.P99, r.RTT.Max} {
			words := draw.Unknown
			if r.Received > 0 {
				words = draw.Duration(d)
			}
			row = append(row, cell{Text: words})
		}
		rows = append(rows, row)
	}
	return rows
}

// distance says with which TTLs the answers arrived, and how many hops that probably is.
func distance(s ping.Summary) string {
	if s.LowestTTL == s.HighestTTL {
		return fmt.Sprintf("ttl %d, about %s", s.LowestTTL, hops(ping.Hops(s.LowestTTL)))
	}
	far, near := ping.Hops(s.LowestTTL), ping.Hops(s.HighestTTL)
	return fmt.Sprintf("ttl %d to %d, about %d to %s: the path changes", s.LowestTTL, s.HighestTTL, min(far, near), hops(max(far, near)))
}

func hops(n int) string {
	if n == 1 {
		return "1 hop"
	}
	return fmt.Sprintf("%d hops", n)
}

// writePingTimes writes a row for each time that was measured.
func writePingTimes(w io.Writer, s ping.Summary) {
	row := func(name string, cells ...string) {
		fmt.Fprintf(w, "%-10s", name)
		for _, cell := range cells {
			fmt.Fprintf(w, " %8s", cell)
		}
		fmt.Fprintln(w)
	}
	row("", "min", "avg", "p50", "p99", "p99.9", "max", "jitter")
	for _, part := range []struct {
		name string
		of   hist.Summary
	}{{"dns", s.DNS}, {"connect", s.Connect}, {"tls", s.TLS}, {"first byte", s.FirstByte}} {
		if part.of.Count > 0 {
			row(part.name, timeCells(part.of)...)
		}
	}
	jitter := "-" // one answer has no difference to another
	if s.Received > 1 {
		jitter = draw.Duration(s.Jitter)
	}
	row("round trip", append(timeCells(s.RTT), jitter)...)
}

func timeCells(s hist.Summary) []string {
	var cells []string
	for _, d := range []time.Duration{s.Min, s.Mean, s.P50, s.P99, s.P999, s.Max} {
		cells = append(cells, draw.Duration(d))
	}
	return cells
}

// classCounts lists the classes of lost probes, the most frequent first.
func classCounts[N int64 | uint64](by map[dial.Class]N) string {
	classes := slices.SortedFunc(maps.Keys(by), func(a, b dial.Class) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, class := range classes {
		words = append(words, fmt.Sprintf("%d %s", by[class], cmp.Or(class, "other")))
	}
	return strings.Join(words, ", ")
}

func rareEvents(s ping.Summary) string {
	var words []string
	for _, of := range []struct {
		n    int64
		name string
	}{{s.Late, "late"}, {s.Corrupt, "corrupt"}, {s.Foreign, "foreign"}, {s.Retransmits, "SYN sent again"}, {s.Moved, "moved"}, {s.Stale, "stale"}} {
		if of.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", of.n, of.name))
		}
	}
	return strings.Join(words, ", ")
}
