package page

import (
	"math"
	"time"
)

// span is how far back the page looks, in seconds: one sample for each.
const span = 600

// history is the samples of the last span seconds, oldest first.
type history struct{ taken []taken }

// taken is a sample and when it was taken.
type taken struct {
	at time.Time
	Sample
}

// add appends a sample, and forgets those that are too old to be shown. One more
// is kept than is shown: a rate lies between two.
func (h *history) add(at time.Time, s Sample) {
	h.taken = append(h.taken, taken{at, s})
	old := 0
	for at.Sub(h.taken[old].at) > span*time.Second {
		old++
	}
	old = max(old, len(h.taken)-span-1)
	if old > 0 {
		h.taken = append(h.taken[:0], h.taken[old:]...)
	}
}

func (h *history) newest() taken { return h.taken[len(h.taken)-1] }

// slot is the place among values of what was taken at a moment; the last one is now.
func (h *history) slot(at time.Time) int {
	return span - 1 - int(math.Round(h.newest().at.Sub(at).Seconds()))
}

// values are of so many seconds each, NaN where none is known; the last one is of
// now.
type values []float64

// unknown are n values, none of which is known yet.
func unknown(n int) values {
	v := make(values, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

// levels are values of what is now: of connections, say.
func (h *history) levels(of func(*Sample) (uint64, bool)) values {
	all := unknown(span)
	for i := range h.taken {
		if v, ok := of(&h.taken[i].Sample); ok {
			if slot := h.slot(h.taken[i].at); slot >= 0 {
				all[slot] = float64(v)
			}
		}
	}
	return all
}

// rates are how much a count grew each second.
func (h *history) rates(of func(*Sample) (uint64, bool)) values {
	all := unknown(span)
	h.growths(of, func(from, to time.Time, n uint64) {
		slot, seconds := h.slot(to), to.Sub(from).Seconds()
		if slot >= 0 && seconds > 0 {
			all[slot] = tidy(float64(n) / seconds)
		}
	})
	return all
}

// grown is how much a count grew in so many seconds until now.
func (h *history) grown(of func(*Sample) (uint64, bool), seconds int) uint64 {
	var sum uint64
	since := h.newest().at.Add(-time.Duration(seconds) * time.Second)
	h.growths(of, func(from, _ time.Time, n uint64) {
		if !from.Before(since) {
			sum += n
		}
	})
	return sum
}

// growths tells each how much a count grew between two samples.
func (h *history) growths(of func(*Sample) (uint64, bool), each func(from, to time.Time, n uint64)) {
	for i := 1; i < len(h.taken); i++ {
		before, now := &h.taken[i-1], &h.taken[i]
		a, known := of(&before.Sample)
		b, ok := of(&now.Sample)
		if known && ok {
			each(before.at, now.at, growth(a, b))
		}
	}
}

// growth is how much a count has grown from a to b. One that is smaller than it
// was began again at zero meanwhile.
func growth(a, b uint64) uint64 {
	if b < a {
		return b
	}
	return b - a
}

// tidy rounds v to what is shown of it, and to some digits more: every text about
// it is made of the same number.
func tidy(v float64) float64 {
	if v == 0 || math.IsNaN(v) {
		return v
	}
	scale := math.Pow10(max(0, 5-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*scale) / scale
}
