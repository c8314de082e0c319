package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	if few := fewReplies(s.Summary); few != "" {
		fmt.Fprintln(t, few)
	}
	if s.OneWay != nil {
		writeOneWay(t, s.OneWay)
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
		times := []string{"-", "-", "-", "-"}
		if of := r.RTT; r.Received > 0 {
			times = []string{draw.Duration(of.Min), draw.Duration(of.P50), percentileText(99, of.P99, r.Received), draw.Duration(of.Max)}
		}
		for _, words := range times {
			row = append(row, cell{Text: words})
		}
		rows = append(rows, row)
	}
	return rows
}

// WritePingInterim writes the results of a ping so far: a line for each target. Each probe that
// was due is received, lost, in flight or paused.
func WritePingInterim(w io.Writer, results []PingResult) error {
	columns := 0
	for _, r := range results {
		columns = max(columns, utf8.RuneCountInString(r.Name))
	}
	var b strings.Builder
	for _, r := range results {
		if len(results) > 1 {
			fmt.Fprintf(&b, "%-*s  ", columns, r.Name)
		}
		fmt.Fprintf(&b, "%s, %d in flight", pingCounts(r), r.InFlight)
		if r.Paused > 0 {
			fmt.Fprintf(&b, ", %d paused", r.Paused)
		}
		if r.Received > 0 {
			of := r.RTT
			fmt.Fprintf(&b, "; min %s, avg %s, p50 %s, max %s", draw.Duration(of.Min), draw.Duration(of.Mean), draw.Duration(of.P50), draw.Duration(of.Max))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
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
	row := func(name string, cells ...string) { writeRow(w, name, cells) }
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

// writeRow writes a row of a table of times.
func writeRow(w io.Writer, name string, cells []string) {
	fmt.Fprintf(w, "%-10s", name)
	for _, cell := range cells {
		fmt.Fprintf(w, " %8s", cell)
	}
	fmt.Fprintln(w)
}

func timeCells(s hist.Summary) []string {
	return []string{draw.Duration(s.Min), draw.Duration(s.Mean), draw.Duration(s.P50),
		percentileText(99, s.P99, s.Count), percentileText(99.9, s.P999, s.Count), draw.Duration(s.Max)}
}

// Known reports whether that many replies are enough for a percentile above 50: one of them
// takes longer. Of 99 replies, p99 would be the longest or the second longest.
func Known(percentile float64, replies int64) bool {
	return float64(replies)*(100-percentile) > 99.999 // 100, but for the error of 100-99.9
}

func percentileText(percentile float64, d time.Duration, replies int64) string {
	if !Known(percentile, replies) {
		return "-"
	}
	return draw.Duration(d)
}

// fewReplies says which percentiles are not known, "" if all are.
func fewReplies(s ping.Summary) string {
	switch {
	case s.Received == 0 || Known(99.9, s.Received):
		return ""
	case Known(99, s.Received):
		return "too few replies for p99.9, which needs 1,000"
	}
	return "too few replies for p99, which needs 100, and p99.9, which needs 1,000"
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
	}{{s.Late, "late"}, {s.Corrupt - s.LostBy[dial.Corrupt], "corrupt"}, {s.Foreign, "foreign"}, {s.Retransmits, "SYN sent again"}, {s.Moved, "moved"}, {s.Stale, "stale"}} {
		if of.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", of.n, of.name))
		}
	}
	return strings.Join(words, ", ")
}
