package page

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// strip is what became of the probes of one address: the range of their round-trip
// times, the average within it, and, from below, the part that was lost.
type strip struct {
	Says  string
	Range string // SVG paths, in a space as wide as there are seconds and a thousand high
	Avg   string
	Lost  string
	RTT   string // as the script reads them: one for each step, blank if not known
	Parts string // of a hundred, that was lost
}

// roundTrips is the axis that all strips of a matrix share, so that they can be
// compared.
func (m *MatrixState) roundTrips() axis {
	low, high := math.Inf(1), 0.0
	for _, t := range m.Targets {
		for _, a := range t.Addresses {
			for _, b := range a.History {
				if b.MinSeconds > 0 {
					low, high = min(low, float64(b.MinSeconds)), max(high, float64(b.MaxSeconds))
				}
			}
		}
	}
	if high == 0 {
		low, high = 1e-4, 1e-2
	}
	return logarithmic(low, high, seconds)
}

// steps is how many there are in what a strip tells the script, five seconds each.
const steps = span / 5

// strip draws the history of an address until now.
func (a AddressState) strip(now time.Time, y axis) strip {
	var band, avg, lost strings.Builder
	rtt, parts := unknown(steps), unknown(steps)
	reached := -1 // where the average ends so far
	for _, b := range a.History {
		from, to := placeOf(now, b)
		if to <= from || b.Sent == 0 {
			continue
		}
		part := min(float64(b.Lost)/float64(b.Sent), 1)
		if b.MinSeconds > 0 {
			top, bottom := height(y, b.MaxSeconds), height(y, b.MinSeconds)
			band.WriteString(box(from, to, top, max(bottom, top+12)))
			if from == reached {
				avg.WriteString("V" + strconv.Itoa(height(y, b.AvgSeconds)))
			} else {
				avg.WriteString("M" + pair(from, height(y, b.AvgSeconds)))
			}
			avg.WriteString("H" + strconv.Itoa(to))
			reached = to
		}
		if part > 0 {
			lost.WriteString(box(from, to, 1000-max(int(part*1000), 60), 1000))
		}
		for i := from * steps / span; i < min((to*steps+span-1)/span, steps); i++ {
			rtt[i], parts[i] = float64(b.AvgSeconds), tidy(part*100)
		}
	}
	return strip{Says: a.says(), Range: band.String(), Avg: avg.String(), Lost: lost.String(), RTT: rtt.text(), Parts: parts.text()}
}

// placeOf is where a bucket begins and ends.
func placeOf(now time.Time, b BucketState) (from, to int) {
	start := span - now.Sub(b.At).Seconds()
	return max(int(math.Round(start)), 0), min(int(math.Round(start+b.SpanSeconds)), span)
}

func height(y axis, v figure) int { return int(math.Round(y.place(float64(v)) * 1000)) }

// box is a rectangle in an SVG path.
func box(left, right, top, bottom int) string {
	return "M" + pair(left, top) + "H" + strconv.Itoa(right) + "V" + strconv.Itoa(bottom) + "H" + strconv.Itoa(left) + "z"
}

// says tells the last ten minutes in a sentence.
func (a AddressState) says() string {
	var sent, lost uint64
	low, high := math.Inf(1), 0.0
	for _, b := range a.History {
		sent, lost = sent+b.Sent, lost+b.Lost
		if b.MinSeconds > 0 {
			low, high = min(low, float64(b.MinSeconds)), max(high, float64(b.MaxSeconds))
		}
	}
	text := "The last ten minutes: " + whole(float64(sent)) + " probes, " + whole(float64(lost)) + " lost"
	if high > 0 {
		text += ", round-trip times from " + seconds.write(low) + " to " + seconds.write(high)
	}
	return text + "."
}
