package page

import (
	"math"
	"strings"
	"time"

	"echod/internal/draw"
)

// rows are a target as its part of the table shows it.
type rows struct {
	TargetState
	Scale     draw.Axis // of the round-trip times of all its addresses, so that they can be compared
	Addresses []row
}

// row is an address, and a picture of its last ten minutes.
type row struct {
	AddressState
	Strip strip
	Late  string // the part that was lost in the last ten minutes
	Ever  string // the part of all that was lost
	Bad   bool   // whether any was lost in the last ten minutes
}

// strip is what became of the probes of one address: the range of their round-trip
// times, the average within it, and, in a lane below these, the part that was lost.
type strip struct {
	Says  string
	Range string // SVG paths, in a space as wide as there are seconds and a thousand high
	Avg   string
	Lost  string
	None  string // where not one came back
	RTT   string // as the script reads them: one for each step, blank if not known
	Parts string // of a hundred, that was lost
}

// rows are m as a table.
func (m *MatrixState) rows(now time.Time) []rows {
	var all []rows
	for _, t := range m.Targets {
		r := rows{TargetState: t, Scale: t.roundTrips()}
		for _, a := range t.Addresses {
			sent, lost := a.late()
			r.Addresses = append(r.Addresses, row{a, a.strip(now, r.Scale), part(lost, sent), part(a.Lost, a.Received+a.Lost), lost > 0})
		}
		all = append(all, r)
	}
	return all
}

// Single is the one address of a target that has no more, else nil.
func (r rows) Single() *row {
	if len(r.Addresses) != 1 || r.Problem != "" {
		return nil
	}
	return &r.Addresses[0]
}

// Named reports whether the URL says the address already.
func (r rows) Named() bool { return strings.HasSuffix(r.URL, "/"+r.Addresses[0].Address) }

// part writes how much of all that is.
func part(n, all uint64) string {
	if all == 0 {
		return draw.Unknown
	}
	return draw.Percent.Write(tidy(float64(n) / float64(all) * 100))
}

// late is how many probes were sent and lost in the last ten minutes.
func (a AddressState) late() (sent, lost uint64) {
	for _, b := range a.History {
		sent, lost = sent+b.Sent, lost+b.Lost
	}
	return sent, lost
}

// extremes are the shortest and the longest round trip of the last ten minutes;
// the longest is 0 if there was none.
func (a AddressState) extremes() (low, high float64) {
	low = math.Inf(1)
	for _, b := range a.History {
		if b.MinSeconds > 0 { // not so if it is not known
			low, high = min(low, float64(b.MinSeconds)), max(high, float64(b.MaxSeconds))
		}
	}
	return low, high
}

func (t TargetState) roundTrips() draw.Axis {
	low, high := math.Inf(1), 0.0
	for _, a := range t.Addresses {
		l, h := a.extremes()
		low, high = min(low, l), max(high, h)
	}
	if high == 0 {
		low, high = 1e-4, 1e-2
	}
	return draw.Log(low, high, 0, draw.Seconds.Label).Upward()
}

// steps is how many there are in what a strip tells the script, five seconds each.
const steps = span / 5

// lane is the height of what tells of loss, of a thousand.
const lane = 180

// strip draws the history of an address until now.
func (a AddressState) strip(now time.Time, y draw.Axis) strip {
	var ranges, avg, lost, none draw.Path
	rtt, parts := unknown(steps), unknown(steps)
	reached := -1 // how far the average is drawn
	for _, b := range a.History {
		from, to := placeOf(now, b)
		if to <= from || b.Sent == 0 {
			continue
		}
		part := min(float64(b.Lost)/float64(b.Sent), 1)
		if b.MinSeconds > 0 {
			top, bottom := height(y, b.MaxSeconds), height(y, b.MinSeconds)
			ranges.Box(from, to, top, max(bottom, top+15))
			if at := height(y, b.AvgSeconds); from == reached {
				avg.Vertical(at)
			} else {
				avg.Move(draw.Point{X: from, Y: at})
			}
			avg.Horizontal(to)
			reached = to
		} else if part == 1 {
			none.Box(from, to, 0, 1000)
		}
		if part > 0 {
			lost.Box(from, to, 1000-max(int(part*lane), 50), 1000)
		}
		for i := from * steps / span; i < min((to*steps+span-1)/span, steps); i++ {
			rtt[i], parts[i] = float64(b.AvgSeconds), tidy(part*100)
		}
	}
	return strip{a.says(), ranges.String(), avg.String(), lost.String(), none.String(), rtt.text(), parts.text()}
}

// placeOf is where a bucket begins and ends.
func placeOf(now time.Time, b BucketState) (from, to int) {
	start := span - now.Sub(b.At).Seconds()
	return max(int(math.Round(start)), 0), min(int(math.Round(start+b.SpanSeconds)), span)
}

// height is where a round-trip time is drawn: above the lane.
func height(y draw.Axis, v figure) int { return int(math.Round(y.Place(float64(v)) * (1000 - lane))) }

// says tells the last ten minutes in a sentence.
func (a AddressState) says() string {
	sent, lost := a.late()
	text := "The last ten minutes: " + draw.Whole(float64(sent)) + " probes, " + draw.Whole(float64(lost)) + " lost"
	if low, high := a.extremes(); high > 0 {
		text += ", round-trip times from " + draw.Seconds.Write(low) + " to " + draw.Seconds.Write(high)
	}
	return text + "."
}

// Ticks are those of the scale that there is room for, placed above the lane.
func (r rows) Ticks() []draw.Tick {
	var all []draw.Tick
	every := (len(r.Scale.Ticks) + 2) / 3
	for i := 0; i < len(r.Scale.Ticks); i += every {
		t := r.Scale.Ticks[i]
		t.At = draw.Hundredths(t.At * (1000 - lane) / 1000)
		all = append(all, t)
	}
	return all
}
