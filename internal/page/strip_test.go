package page

import (
	"strings"
	"testing"
	"time"

	"echod/internal/watch"
)

// probed is a bucket that began that many seconds ago, with these round trips and losses.
type probed struct {
	ago  float64
	rtts []time.Duration
	lost uint64
}

func stripOf(buckets ...probed) strip {
	var a watch.AddressSnapshot
	for _, p := range buckets {
		b := watch.Bucket{At: at(-p.ago), Sent: uint64(len(p.rtts)) + p.lost, Lost: p.lost}
		for _, rtt := range p.rtts {
			b.Min, b.Max, b.Sum = rtt, rtt, b.Sum+rtt
			b.Rows.Record(rtt)
		}
		a.History = append(a.History, b)
	}
	state := addressState(a)
	return state.strip(at(0), TargetState{Addresses: []AddressState{state}})
}

func TestStripTellsLossesFromGaps(t *testing.T) {
	one := []time.Duration{time.Millisecond}
	tests := []struct {
		name             string
		buckets          []probed
		lost, none, gaps string
	}{
		{"all lost", []probed{{10, one, 0}, {5, nil, 2}}, "M595 820H600V1000H595z", "M595 0H600V1000H595z", ""},
		{"half lost", []probed{{10, one, 0}, {5, one, 1}}, "M595 910H600V1000H595z", "", ""},
		{"a pause", []probed{{40, one, 0}, {35, one, 0}, {30, one, 0}, {5, one, 0}}, "", "", "M575 0H595V1000H575z"},
		{"a probe each half minute", []probed{{90, one, 0}, {60, one, 0}, {30, one, 0}, {5, one, 0}}, "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := stripOf(test.buckets...).Heat
			if h.Lost != test.lost || h.AllLost != test.none || h.Gaps != test.gaps {
				t.Errorf("got lost %q, none %q, gaps %q, want %q, %q, %q", h.Lost, h.AllLost, h.Gaps, test.lost, test.none, test.gaps)
			}
		})
	}
}

func TestStripOfABurstLeavesFastAnswersApart(t *testing.T) {
	h := stripOf(probed{5, []time.Duration{40 * time.Microsecond, 300 * time.Microsecond, 30 * time.Second}, 0}).Heat
	if boxes := strings.Count(strings.Join(h.Shades, ""), "M"); boxes != 3 {
		t.Errorf("got %d cells, want 3", boxes)
	}
}
