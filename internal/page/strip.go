package page

import (
	"math"
	"slices"
	"strings"
	"time"

	"echod/internal/draw"
)

// targetRows are the rows of a target in the matrix: one for each address.
type targetRows struct {
	TargetState
	Scale     draw.Axis // of the round trips of all its addresses, so that they can be compared
	Addresses []addressRow
}

// addressRow is an address with a picture of its last ten minutes.
type addressRow struct {
	AddressState
	Strip  strip
	Recent string // lost probes of the last ten minutes, in percent
	Total  string // lost probes since it is monitored, in percent
	Bad    bool   // whether probes of the last ten minutes were lost
}

// strip is a picture of the probes of one address: a heat map of their round trips, the
// average, and below them the part that was lost.
type strip struct {
	Says  string
	Heat  draw.HeatPaths // in a space of one unit for each second by 1000 units
	Avg   string
	RTT   string // average round trips for the script: one for each step, empty if not known
	Parts string // lost probes in percent, likewise
}

func (m *MatrixState) rows(now time.Time) []targetRows {
	var all []targetRows
	for _, t := range m.Targets {
		r := targetRows{TargetState: t, Scale: t.scale()}
		for _, a := range t.Addresses {
			sent, lost := a.recent()
			r.Addresses = append(r.Addresses, addressRow{a, a.strip(now, t), partOf(lost, sent), partOf(a.Lost, a.Received+a.Lost), lost > 0})
		}
		all = append(all, r)
	}
	return all
}

// Single returns the address of a target that has only one, else nil.
func (r targetRows) Single() *addressRow {
	if len(r.Addresses) != 1 || r.Problem != "" {
		return nil
	}
	return &r.Addresses[0]
}

// Named reports whether the URL contains the address.
func (r targetRows) Named() bool { return strings.HasSuffix(r.URL, "/"+r.Addresses[0].Address) }

// partOf writes n in percent of all.
func partOf(n, all uint64) string {
	if all == 0 {
		return draw.Unknown
	}
	return draw.Percent.Write(rounded(float64(n) / float64(all) * 100))
}

// recent returns how many probes were sent and lost in the last ten minutes.
func (a AddressState) recent() (sent, lost uint64) {
	for _, b := range a.History {
		sent, lost = sent+b.Sent, lost+b.Lost
	}
	return sent, lost
}

// extremes returns the shortest and the longest round trip of the last ten minutes.
// The longest is 0 if there was none.
func (a AddressState) extremes() (low, high float64) {
	low = math.Inf(1)
	for _, b := range a.History {
		if b.MinSeconds > 0 { // false for NaN
			low, high = min(low, float64(b.MinSeconds)), max(high, float64(b.MaxSeconds))
		}
	}
	return low, high
}

// extremes returns the shortest and the longest round trip of all addresses; of nothing, those
// of an empty scale.
func (t TargetState) extremes() (low, high float64) {
	low = math.Inf(1)
	for _, a := range t.Addresses {
		l, h := a.extremes()
		low, high = min(low, l), max(high, h)
	}
	if high == 0 {
		return 1e-4, 1e-2
	}
	return low, high
}

// scale returns the axis of the round trips of all addresses.
func (t TargetState) scale() draw.Axis {
	low, high := t.extremes()
	return draw.Log(low, high, 0, draw.Seconds.Label).Upward()
}

const (
	stripRows = 14 // of a heat map

	steps = span / 5 // values of a strip for the script, five seconds each
	lane  = 180      // height of the lane for losses, at the bottom of the 1000 units
)

// strip draws the history of an address until now.
func (a AddressState) strip(now time.Time, t TargetState) strip {
	var avg draw.Path
	low, high := t.extremes()
	heat := draw.NewHeat(draw.Axis{Place: func(v float64) float64 { return v / span }}, low, high, lane/1000.0, stripRows, 0)
	each := a.spacing()
	rtt, parts := unknown(steps), unknown(steps)
	height := func(v figure) int { return int(math.Round(heat.Y.Place(float64(v)) * 1000)) }
	end := -1 // of the line of the average
	for i, b := range a.History {
		start := span - now.Sub(b.At).Seconds()
		stop := start + b.SpanSeconds
		if i+1 < len(a.History) {
			stop = min(start+each, span-now.Sub(a.History[i+1].At).Seconds())
		}
		from, to := max(int(math.Round(start)), 0), min(int(math.Round(stop)), span)
		if to <= from || b.Sent == 0 {
			continue
		}
		part := min(float64(b.Lost)/float64(b.Sent), 1)
		column := heat.Column(float64(from), float64(to))
		column.Lost, column.Of = int64(b.Lost), int64(b.Sent)
		for i, n := range b.Counts {
			column.Add(float64(b.UpTo[i]), n)
		}
		if b.AvgSeconds > 0 {
			if at := height(b.AvgSeconds); from == end {
				avg.Vertical(at)
			} else {
				avg.Move(draw.Point{X: from, Y: at})
			}
			avg.Horizontal(to)
			end = to
		}
		for i := from * steps / span; i < min((to*steps+span-1)/span, steps); i++ {
			rtt[i], parts[i] = float64(b.AvgSeconds), rounded(part*100)
		}
	}
	return strip{a.says(), heat.Paths(span, 1000), avg.String(), rtt.text(), parts.text()}
}

// spacing returns the usual time from one bucket to the next, in seconds: with a long interval,
// most buckets have no probe, which is no gap.
func (a AddressState) spacing() float64 {
	var all []float64
	for i := 1; i < len(a.History); i++ {
		all = append(all, a.History[i].At.Sub(a.History[i-1].At).Seconds())
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// says describes the last ten minutes in a sentence.
func (a AddressState) says() string {
	sent, lost := a.recent()
	text := "The last ten minutes: " + draw.Whole(float64(sent)) + " probes, " + draw.Whole(float64(lost)) + " lost"
	if low, high := a.extremes(); high > 0 {
		text += ", round-trip times from " + draw.Seconds.Write(low) + " to " + draw.Seconds.Write(high)
	}
	return text + "."
}

// Ticks returns at most three ticks of the scale, placed above the lane for losses.
func (r targetRows) Ticks() []draw.Tick {
	var all []draw.Tick
	every := (len(r.Scale.Ticks) + 2) / 3
	for i := 0; i < len(r.Scale.Ticks); i += every {
		t := r.Scale.Ticks[i]
		t.At = draw.Hundredths(t.At * (1000 - lane) / 1000)
		all = append(all, t)
	}
	return all
}
