package watch

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/hist"
)

func TestHistoryCountsProbesInTheBucketOfTheirSending(t *testing.T) {
	origin := time.Unix(1e9, 0)
	h := history{origin: origin}
	at := func(seconds int) time.Time { return origin.Add(time.Duration(seconds) * time.Second) }
	const ms = time.Millisecond
	h.probe(at(0), true, 3*ms)
	h.probe(at(4), true, 1*ms)
	h.probe(at(5), true, 2*ms)
	h.probe(at(21), true, 2*ms)
	h.probe(at(4), false, 0) // known only now
	h.probe(at(-1), false, 0)
	want := []Bucket{
		{At: at(0), Sent: 4, Lost: 2, Min: 1 * ms, Max: 3 * ms, Sum: 4 * ms, Rows: rows(1*ms, 3*ms)},
		{At: at(5), Sent: 1, Min: 2 * ms, Max: 2 * ms, Sum: 2 * ms, Rows: rows(2 * ms)},
		{At: at(20), Sent: 1, Min: 2 * ms, Max: 2 * ms, Sum: 2 * ms, Rows: rows(2 * ms)},
	}
	if diff := cmp.Diff(want, h.all(at(23))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	before := h.all(at(23))
	h.probe(at(2), true, 1*ms)
	if got := before[0].Rows.Count(); got != 2 {
		t.Errorf("a later probe has changed what was returned: it has %d round trips, want 2", got)
	}
	if got := before[0].Mean(); got != 2*ms {
		t.Errorf("got a mean of %v, want 2ms", got)
	}
}

func rows(all ...time.Duration) (r hist.Rows) {
	for _, d := range all {
		r.Record(d)
	}
	return r
}

func TestHistoryKeepsTenMinutes(t *testing.T) {
	origin := time.Unix(1e9, 0)
	h := history{origin: origin}
	for s := range 3600 {
		h.probe(origin.Add(time.Duration(s)*time.Second), s%2 == 0, time.Millisecond)
	}
	now := origin.Add(3599 * time.Second)
	got := h.all(now)
	if len(got) != buckets || !got[0].At.Equal(origin.Add(3000*time.Second)) {
		t.Errorf("got %d buckets from %v on, want %d from 3000s on", len(got), got[0].At.Sub(origin), buckets)
	}
	for _, b := range got {
		if b.Sent != 5 || b.Lost < 2 || b.Lost > 3 {
			t.Errorf("got %+v, want 5 probes of which 2 or 3 are lost", b)
		}
	}
	h.probe(origin.Add(2990*time.Second), true, time.Millisecond)
	if diff := cmp.Diff(got, h.all(now)); diff != "" {
		t.Errorf("a probe is counted that was sent before the oldest bucket (-want +got)\n%s", diff)
	}
	if got := h.all(now.Add(time.Hour)); len(got) != 0 {
		t.Errorf("an hour later, got %d buckets, want none", len(got))
	}
}

func TestLastAnswersAreRemembered(t *testing.T) {
	var h history
	for i := range 3*maxRecent + 7 {
		h.answer(time.Duration(i))
	}
	oldest := h.recent[0]
	for _, d := range h.recent {
		oldest = min(oldest, d)
	}
	if len(h.recent) != maxRecent || oldest != time.Duration(2*maxRecent+7) {
		t.Errorf("got %d from %d on, want %d from %d on", len(h.recent), oldest, maxRecent, 2*maxRecent+7)
	}
}

func TestQuantilesAreOfTheRecentAnswers(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[(i*37)%100] = time.Duration(i + 1)
	}
	tests := []struct {
		recent []time.Duration
		want   []time.Duration // p0, p50, p99, p100
	}{
		{nil, []time.Duration{0, 0, 0, 0}},
		{[]time.Duration{7}, []time.Duration{7, 7, 7, 7}},
		{[]time.Duration{9, 1}, []time.Duration{1, 1, 9, 9}},
		{hundred, []time.Duration{1, 50, 99, 100}},
	}
	for _, tt := range tests {
		got := AddressSnapshot{Recent: tt.recent}.Quantiles(0, 0.5, 0.99, 1)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("of %d (-want +got)\n%s", len(tt.recent), diff)
		}
	}
}

func TestTimesAreCountedInTheirClass(t *testing.T) {
	var got Times
	for _, d := range []time.Duration{1, Bounds[0], Bounds[0] + 1, 5 * time.Millisecond, time.Second + 1, time.Hour} {
		got.add(d)
	}
	var want Times
	want.Counts[0], want.Counts[1], want.Counts[7], want.Counts[15], want.Counts[len(Bounds)] = 2, 1, 1, 1, 1
	want.Sum = 1 + 2*Bounds[0] + 1 + 5*time.Millisecond + time.Second + 1 + time.Hour
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for i := range Bounds[1:] {
		if Bounds[i] >= Bounds[i+1] {
			t.Errorf("the bound %v is not above %v", Bounds[i+1], Bounds[i])
		}
	}
}
