package page

import (
	"math"
	"slices"
	"strconv"

	"echod/internal/draw"
)

// window is the time that all plots show, in seconds until now. It is as long as the history, so
// that a young process does not have a plot of which most is empty.
type window int

// minWindow is the shortest window.
const minWindow window = 10

// window returns the window of s: as long as its history, from minWindow to span.
func (s *State) window() window {
	w := int(minWindow)
	if s.Traffic != nil {
		w = max(w, s.Traffic.History.Connections.known())
	}
	if s.Agent != nil {
		w = max(w, s.Agent.History.Active.known())
	}
	if s.Matrix != nil {
		for _, t := range s.Matrix.Targets {
			for _, a := range t.Addresses {
				if len(a.History) > 0 {
					w = max(w, int(math.Ceil(s.At.Sub(a.History[0].At).Seconds())))
				}
			}
		}
	}
	return window(min(w, span))
}

// known returns how many values there are since the first one that is known.
func (v values) known() int {
	return len(v) - max(0, slices.IndexFunc(v, func(f float64) bool { return !math.IsNaN(f) }))
}

// From returns where the window begins, in a picture that is one unit wide for each second of span.
func (w window) From() int { return span - int(w) }

// Length returns the number of seconds.
func (w window) Length() int { return int(w) }

// Last returns the place of now: the last of as many values.
func (w window) Last() int { return int(w) - 1 }

// Tens returns the width of a picture of [bars] that has the window, and where it begins. The time
// may begin in the middle of ten seconds.
func (w window) Tens() int     { return min((int(w)+19)/10*10, span) }
func (w window) FromTens() int { return span - w.Tens() }

// String names the time.
func (w window) String() string {
	if w == span {
		return "ten minutes"
	}
	return long(int64(w))
}

// tickSteps are the times between two ticks, in seconds.
var tickSteps = []int{2, 5, 10, 15, 20, 30, 60, 120}

// Ticks returns at most six ticks of the time before now, and that of now.
func (w window) Ticks() []draw.Tick {
	step := tickSteps[slices.IndexFunc(tickSteps, func(step int) bool { return int(w)/step <= 6 })]
	size, unit := 1, " s"
	if step >= 60 {
		size, unit = 60, " min"
	}
	var ticks []draw.Tick
	for seconds := int(w) / step * step; seconds > 0; seconds -= step {
		t := draw.Tick{At: w.place(float64(seconds)), Label: "−" + strconv.Itoa(seconds/size), Minor: len(ticks) > 0}
		if !t.Minor {
			t.Label += unit
		}
		ticks = append(ticks, t)
	}
	return append(ticks, draw.Tick{At: 100, Label: "now"})
}

// place returns the place of a moment that many seconds ago, in percent of the width.
func (w window) place(seconds float64) float64 {
	return draw.Hundredths(max(100-100*seconds/float64(w.Last()), 0))
}
