package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
)

// What comes after the end has an interval of its own: in the last second it would be a peak that
// the server never reached.
func TestLateOutcomesMakeNoPeakInTheLastSecond(t *testing.T) {
	p := planOf(t, "unix:///nowhere", "64")
	p.Duration = time.Second
	tl := account{newTally(p, newTotals()), nil}
	all := only(tl)
	tl.begin(from, new(schedule))
	tl.connected(3)
	for range 3 {
		tl.claim(from)
	}
	tl.answered(from, from+1e9-1, 64)
	stopTally(tl, from+1e9, new(schedule))
	all.nextInterval(from + 1e9)
	tl.answered(from, from+2e9, 64)
	tl.failed(from, from+4e9, dial.Timeout)
	all.lastInterval(from + 4e9)
	close(all.finished)
	all.archive()
	var got []string
	for _, in := range tl.result.Intervals {
		got = append(got, fmt.Sprintf("from %g for %g: %d due, %d answered, %d failed, %d open", in.At, in.Seconds, in.Due, in.Answered, in.Failed, in.Conns))
	}
	want := []string{"from 0 for 1: 3 due, 1 answered, 0 failed, 1 open", "from 1 for 3: 0 due, 1 answered, 1 failed, 1 open"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIntervalsAddUpToTheResult(t *testing.T) {
	p := planOf(t, "unix:///nowhere", "64")
	p.Duration = time.Hour
	tl := account{newTally(p, newTotals()), nil}
	all := only(tl)
	tl.begin(from, new(schedule))
	tl.connected(3)
	tl.connected(4)
	at := func(seconds float64) int64 { return from + int64(seconds*1e9) }
	tl.answered(from, from+50, 64)
	first := all.nextInterval(at(1))
	tl.disconnected(dial.Reset)
	tl.answered(at(1), at(1)+70, 64)
	tl.answered(at(1), at(1)+90, 64)
	stopTally(tl, at(1.5), new(schedule))
	last := all.nextInterval(at(1.5))
	tl.disconnected("")
	all.lastInterval(at(1.6)) // nothing was late
	close(all.finished)
	all.archive()
	type figures struct {
		At, Seconds float64
		Messages    int64
		Conns       int
	}
	want := []figures{{0, 1, 1, 2}, {1, 0.5, 2, 1}}
	for i, got := range []Interval{first, last} {
		kept := tl.result.Intervals[i]
		if f := (figures{got.At, got.Seconds, got.Answered, got.Conns}); f != want[i] {
			t.Errorf("interval %d: got %+v, want %+v", i, f, want[i])
		}
		if f := (figures{kept.At, kept.Seconds, kept.Answered, kept.Conns}); f != want[i] || !kept.Latency.Equal(got.Latency) {
			t.Errorf("interval %d is kept as %+v, want %+v", i, f, want[i])
		}
	}
	if r := tl.total(); r.Answered != 3 || r.Latency.Count() != 3 || r.Latency.Max() != 90 || r.Connect.Count() != 2 || r.Connect.Max() != 4 {
		t.Errorf("got %d messages, %d latencies up to %v, %d connects", r.Answered, r.Latency.Count(), r.Latency.Max(), r.Connect.Count())
	}
}
