package page

import (
	"fmt"
	"strings"
	"testing"

	"echod/internal/draw"
)

func TestTicksFitTheWindow(t *testing.T) {
	for w, want := range map[window]string{
		10:  "−10 s at 0, −8 at 11.11, −6 at 33.33, −4 at 55.56, −2 at 77.78, now at 100",
		21:  "−20 s at 0, −15 at 25, −10 at 50, −5 at 75, now at 100",
		301: "−5 min at 0, −4 at 20, −3 at 40, −2 at 60, −1 at 80, now at 100",
		600: "−10 min at 0, −8 at 19.87, −6 at 39.9, −4 at 59.93, −2 at 79.97, now at 100",
	} {
		var words []string
		for _, tick := range w.Ticks() {
			words = append(words, fmt.Sprintf("%s at %v", tick.Label, tick.At))
		}
		if got := strings.Join(words, ", "); got != want {
			t.Errorf("%d seconds:\ngot  %s\nwant %s", w, got, want)
		}
	}
	for w := minWindow; w <= span; w++ {
		if n := len(w.Ticks()); n < 3 || n > 7 {
			t.Errorf("%d seconds have %d ticks", w, n)
		}
	}
}

func TestWindowIsAsLongAsTheHistory(t *testing.T) {
	for samples, want := range map[int]window{1: 10, 10: 10, 20: 20, 600: 600, 700: 600} {
		var h history
		for i := range samples {
			h.add(in(float64(i), 0))
		}
		s := State{Traffic: &TrafficState{History: HistoryState{Connections: h.levels(bytesIn)}}}
		if got := s.window(); got != want {
			t.Errorf("after %d samples: got %d seconds, want %d", samples, got, want)
		}
	}
	old := State{At: at(300), Matrix: &MatrixState{Targets: []TargetState{{Addresses: []AddressState{{}, {History: []BucketState{{At: at(17.5)}}}}}}}}
	if got := old.window(); got != 283 {
		t.Errorf("with a bucket of 282.5 s ago: got %d seconds, want 283", got)
	}
}

// level returns ten minutes with a value, of which the last n seconds have another.
func level(v float64, n int, last float64) values {
	all := unknown(span)
	for i := range all {
		all[i] = v
		if i >= span-n {
			all[i] = last
		}
	}
	return all
}

func TestBurstDoesNotFlattenTheRest(t *testing.T) {
	tests := []struct {
		name  string
		v     values
		high  string // the highest tick
		peaks string
	}{
		{"a burst", level(1000, 5, 1e9), "1,500/s", "up to 1,000,000,000/s at 99.33"},
		{"a new level", level(1000, 60, 1e9), "1,000,000,000/s", ""},
		{"only a burst", level(0, 5, 1e9), "1,000,000,000/s", ""},
		{"a small burst", level(1000, 5, 3000), "3,000/s", ""},
		{"few of anything", level(0.1, 5, 3), "4/s", ""},
		{"nothing is known", unknown(span), "4/s", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := window(span).plot("Rate", series{"in", received, draw.PerSecond, test.v, 0}, series{"hidden", "", draw.PerSecond, level(1e12, 1, 1e15), 0})
			var peaks []string
			for _, peak := range p.Peaks {
				peaks = append(peaks, fmt.Sprintf("%s at %v", peak.Label, peak.At))
			}
			high := p.Y.Ticks[len(p.Y.Ticks)-1].Label
			if got := strings.Join(peaks, ", "); high != test.high || got != test.peaks {
				t.Errorf("got an axis up to %s and peaks %q, want %s and %q", high, got, test.high, test.peaks)
			}
		})
	}
}
