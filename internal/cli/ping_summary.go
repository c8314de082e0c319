package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
	"echod/internal/ping"
	"echod/internal/report"
)

func (t *pingText) end(s ping.Summary, judgements []judgement) {
	fmt.Fprintln(t.out)
	writePingSummary(t.out, s)
	writeJudgements(t.out, judgements, t.color)
}

// writePingSummary writes what all probes came to, for people. What seldom occurs
// has a line if it did.
func writePingSummary(w io.Writer, s ping.Summary) {
	fmt.Fprintf(w, "%d sent, %d received, %d lost (%s), %d duplicated, %d reordered\n",
		s.Sent, s.Received, s.Lost, report.Percent(s.Loss()), s.Duplicated, s.Reordered)
	if s.Lost > 0 {
		fmt.Fprintf(w, "lost        %s\n", reasons(s.LostBy))
	}
	if besides := rarities(s); besides != "" {
		fmt.Fprintf(w, "besides     %s\n", besides)
	}
	if s.Reconnects > 0 || s.Down > 0 {
		fmt.Fprintf(w, "reconnects  %d, and %s without a connection\n", s.Reconnects, report.Duration(s.Down))
	}
	if s.Received > 0 {
		writePingTimes(w, s)
	}
}

// writePingTimes writes a row for each time that was measured.
func writePingTimes(w io.Writer, s ping.Summary) {
	row := func(name string, cells ...string) {
		fmt.Fprintf(w, "%-10s", name)
		for _, cell := range cells {
			fmt.Fprintf(w, "  %8s", cell)
		}
		fmt.Fprintln(w)
	}
	row("", "min", "avg", "p50", "p99", "max", "jitter")
	for _, part := range []struct {
		name string
		of   hist.Summary
	}{{"dns", s.DNS}, {"connect", s.Connect}, {"tls", s.TLS}, {"first byte", s.FirstByte}} {
		if part.of.Count > 0 {
			row(part.name, durations(part.of)...)
		}
	}
	jitter := "-" // there is no difference of one
	if s.Received > 1 {
		jitter = report.Duration(s.Jitter)
	}
	row("round trip", append(durations(s.RTT), jitter)...)
}

func durations(s hist.Summary) []string {
	var words []string
	for _, d := range []time.Duration{s.Min, s.Mean, s.P50, s.P99, s.Max} {
		words = append(words, report.Duration(d))
	}
	return words
}

// reasons are the classes of what was lost, the most frequent first.
func reasons[N int64 | uint64](by map[dial.Class]N) string {
	classes := slices.SortedFunc(maps.Keys(by), func(a, b dial.Class) int {
		return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, class := range classes {
		name := string(class)
		if name == "" {
			name = "other"
		}
		words = append(words, fmt.Sprintf("%d %s", by[class], name))
	}
	return strings.Join(words, ", ")
}

// rarities are what else there was.
func rarities(s ping.Summary) string {
	var words []string
	for _, of := range []struct {
		n    int64
		name string
	}{{s.Late, "late"}, {s.Corrupt, "corrupt"}, {s.Foreign, "foreign"}} {
		if of.n > 0 {
			words = append(words, fmt.Sprintf("%d %s", of.n, of.name))
		}
	}
	return strings.Join(words, ", ")
}
