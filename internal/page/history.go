package page

import (
	"math"
	"time"

	"echod/internal/agent"
	"echod/internal/engine"
)

// span is the length of the history in seconds. Each second has one sample.
const span = 600

// sample is what was so at one moment. All samples of a page have the same parts.
type sample struct {
	at    time.Time
	stats *engine.Stats // of all engines of a service, else nil
	agent *agent.Snapshot
}

// history is the samples of the last span seconds, oldest first.
type history []sample

// add appends a sample and removes those that are too old to be shown. It keeps one
// more than is shown: a rate needs two.
func (h *history) add(s sample) {
	if n := len(*h); n > 0 && (*h)[n-1].agent != nil {
		before := *(*h)[n-1].agent
		before.Latest = nil // only the newest are shown
		(*h)[n-1].agent = &before
	}
	*h = append(*h, s)
	old := 0
	for s.at.Sub((*h)[old].at) > span*time.Second {
		old++
	}
	if old = max(old, len(*h)-span-1); old > 0 {
		*h = append((*h)[:0], (*h)[old:]...)
	}
}

func (h history) newest() *sample { return &h[len(h)-1] }

// slot returns the place of a moment among values. The last place is that of now.
func (h history) slot(at time.Time) int {
	return span - 1 - int(math.Round(h.newest().at.Sub(at).Seconds()))
}

// values have one value for each step of time, NaN where none is known. The last one
// is that of now.
type values []float64

// unknown returns n values that are not known.
func unknown(n int) values {
	v := make(values, n)
	for i := range v {
		v[i] = math.NaN()
	}
	return v
}

// last returns the value of now.
func (v values) last() float64 { return v[len(v)-1] }

// levels returns a gauge over time, e.g. the number of connections.
func (h history) levels(of func(*sample) uint64) values {
	all := unknown(span)
	for i := range h {
		if slot := h.slot(h[i].at); slot >= 0 {
			all[slot] = float64(of(&h[i]))
		}
	}
	return all
}

// rates returns by how much a counter grew each second.
func (h history) rates(of func(*sample) uint64) values {
	all := unknown(span)
	h.growth(of, func(from, to time.Time, n uint64) {
		slot, seconds := h.slot(to), to.Sub(from).Seconds()
		if slot >= 0 && seconds > 0 {
			all[slot] = rounded(float64(n) / seconds)
		}
	})
	return all
}

// count returns the state of a counter.
func (h history) count(name string, of func(*sample) uint64) CountState {
	s := CountState{Name: name, Total: of(h.newest()), LastMinute: h.grown(of, 60)}
	if s.Total > 0 {
		s.Tens = h.tens(of)
	}
	return s
}

// grown returns by how much a counter grew in the last seconds.
func (h history) grown(of func(*sample) uint64, seconds int) uint64 {
	var sum uint64
	since := h.newest().at.Add(-time.Duration(seconds) * time.Second)
	h.growth(of, func(from, _ time.Time, n uint64) {
		if !from.Before(since) {
			sum += n
		}
	})
	return sum
}

// tens returns by how much a counter grew in each ten seconds.
func (h history) tens(of func(*sample) uint64) values {
	all := unknown(span / 10)
	// Ten seconds by the clock, so that no value changes only because time passes.
	now := h.newest().at.Unix() / 10
	h.growth(of, func(_, to time.Time, n uint64) {
		i := len(all) - 1 - int(now-to.Unix()/10)
		if i < 0 {
			return
		}
		if math.IsNaN(all[i]) {
			all[i] = 0
		}
		all[i] += float64(n)
	})
	return all
}

// growth calls each with the growth of a counter between two samples. A counter that
// is smaller than before has started again at zero.
func (h history) growth(of func(*sample) uint64, each func(from, to time.Time, n uint64)) {
	for i := 1; i < len(h); i++ {
		before, now := of(&h[i-1]), of(&h[i])
		n := now - before
		if now < before {
			n = now
		}
		each(h[i-1].at, h[i].at, n)
	}
}

// rounded rounds v to a few digits more than are shown, so that all texts about v are
// made of the same number.
func rounded(v float64) float64 {
	if v == 0 || math.IsNaN(v) {
		return v
	}
	scale := math.Pow10(max(0, 5-int(math.Floor(math.Log10(math.Abs(v))))))
	return math.Round(v*scale) / scale
}
