package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"echod/internal/draw"
	"echod/internal/load"
)

// workerTable returns the parts of a result side by side; nil if there are none, or if they are of a
// file that does not have what each part measured.
func workerTable(r *load.Result) [][]cell {
	skews, lost := false, false
	for _, p := range r.Parts {
		if p.Latency == nil {
			return nil
		}
		skews, lost = skews || p.Begun != nil, lost || p.Lost > 0
	}
	if len(r.Parts) == 0 {
		return nil
	}
	head := []cell{{}, {Text: "rate"}, {Text: "p50"}, {Text: "p99"}, {Text: "failed"}}
	if lost {
		head = append(head, cell{Text: "lost"})
	}
	if skews {
		head = append(head, cell{Text: "skew"})
	}
	rows := [][]cell{append(head, cell{Text: "behind"})}
	for _, p := range r.Parts {
		rate := "-"
		if v, ok := divide(float64(p.Answered), p.Seconds); ok {
			rate = draw.PerSecond.Write(v)
		}
		row := []cell{{Text: partName(p)}, {Text: rate}}
		for _, q := range []float64{0.5, 0.99} {
			latency := "-"
			if p.Latency.Count() > 0 {
				latency = draw.Duration(p.Latency.Quantile(q))
			}
			row = append(row, cell{Text: latency})
		}
		failed := p.Failed.Total()
		row = append(row, cell{draw.Whole(float64(failed)), failed > 0})
		if lost {
			row = append(row, cell{draw.Whole(float64(p.Lost)), p.Lost > 0})
		}
		if skews {
			row = append(row, skewCell(p.Begun))
		}
		behind := cell{Text: "no"}
		if p.Behind != nil {
			behind = cell{draw.Duration(p.Behind.SchedulingDelay), true}
		}
		rows = append(rows, append(row, behind))
	}
	return rows
}

// workerPage returns the table for a page; false if there is none.
func workerPage(r *load.Result) (pageTable, bool) {
	t := pageTable{Title: "Machines", Rows: workerTable(r), Heading: true,
		Note: "Behind is the 99th percentile of the scheduling delay of a machine that could not keep its schedule."}
	if _, _, ok := apart(r); ok {
		t.Title, t.Note = "Workers", "Skew is how long after the agreed instant a worker began, and how exact that is. "+t.Note
	}
	return t, t.Rows != nil
}

// partName returns the address of a worker, or the host of a part that had no coordinator.
func partName(p load.Part) string {
	if _, address, found := strings.Cut(p.Worker, "://"); found {
		return address
	}
	return p.Environment.Host
}

// maxSkew is how far apart workers of one network begin at most.
const maxSkew = 5 * time.Millisecond

func skewCell(b *load.Begun) cell {
	if b == nil {
		return cell{Text: "-"}
	}
	return cell{signed(b.Skew) + " ± " + draw.Duration(b.Uncertainty), b.Skew > maxSkew}
}

// signed writes a duration that may be negative.
func signed(d time.Duration) string {
	if d < 0 {
		return "-" + draw.Duration(-d)
	}
	return draw.Duration(d)
}

// apart returns how far apart the first and the last part began, and how exact that is; false if
// their clocks were not compared.
func apart(r *load.Result) (skew, uncertainty time.Duration, ok bool) {
	first, last := load.Begun{Skew: math.MaxInt64}, load.Begun{Skew: math.MinInt64}
	for _, p := range r.Parts {
		if p.Begun == nil {
			return 0, 0, false
		}
		if p.Begun.Skew < first.Skew {
			first = *p.Begun
		}
		if p.Begun.Skew > last.Skew {
			last = *p.Begun
		}
	}
	return last.Skew - first.Skew, last.Uncertainty + first.Uncertainty, len(r.Parts) > 0
}

// startWords says when the parts of r began, "" if their clocks were not compared.
func startWords(r *load.Result) string {
	skew, uncertainty, ok := apart(r)
	switch {
	case !ok:
		return ""
	case len(r.Parts) == 1:
		return "1 worker"
	}
	return fmt.Sprintf("%d workers, which began within %s of one another (± %s)", len(r.Parts), draw.Duration(skew), draw.Duration(uncertainty))
}

// clockWords says how far the clock of a worker is ahead, "" if that is less than a second.
func clockWords(b *load.Begun) string {
	switch {
	case b == nil || b.ClockAhead.Abs() < time.Second:
		return ""
	case b.ClockAhead < 0:
		return ", system clock " + draw.Brief(-b.ClockAhead.Round(time.Second)) + " behind, which does not matter"
	}
	return ", system clock " + draw.Brief(b.ClockAhead.Round(time.Second)) + " ahead, which does not matter"
}
