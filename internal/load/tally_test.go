package load

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/hist"
)

// The measurement of these tests.
const from, to = int64(1000), int64(2000)

// tallyFor returns the tally of a plan, with these limits of the measurement.
func tallyFor(t *testing.T, network string, rate float64, messages int64) account {
	t.Helper()
	p := planOf(t, "tcp://127.0.0.1:7", "64")
	p.Target.Network, p.Rate, p.Duration = network, PerSecond(rate), time.Duration(to-from)
	if messages > 0 {
		p.Duration, p.Messages = 0, messages
	}
	tl, s := account{newTally(p, newTotals()), nil}, new(schedule)
	s.start(0, PerSecond(rate))
	tl.begin(from, s)
	tl.to = to
	return tl
}

// isOver reports whether the run is over.
func isOver(tl account) bool {
	select {
	case <-tl.all.enough:
		return true
	default:
		return false
	}
}

// The time at which a message was due decides whether it counts, and not that of its outcome.
func TestOutcomeCountsIfItsMessageWasDueWithinTheMeasurement(t *testing.T) {
	const long = int64(1e12)
	tests := []struct {
		name     string
		due, now int64
		want     int64
	}{
		{"due before", from - 1, from, 0},
		{"due at the start", from, from, 1},
		{"due at the end, answered long after", to - 1, long, 1},
		{"due after", to, to, 0},
	}
	for _, rate := range []float64{0, 1} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("rate %g/%s", rate, tt.name), func(t *testing.T) {
				tl := tallyFor(t, "udp", rate, 0)
				tl.sent(tt.due, 64)
				tl.answered(tt.due, tt.now, 64)
				tl.failed(tt.due, tt.now, dial.Timeout)
				tl.lost(tt.due, tt.now)
				r := tl.total()
				if r.Sent != tt.want || r.Answered != tt.want || r.Failed[dial.Timeout] != tt.want || r.Lost != tt.want {
					t.Errorf("got %d sent, %d answered, failed %v, %d lost; want %d of each", r.Sent, r.Answered, r.Failed, r.Lost, tt.want)
				}
				if r.BytesOut != 64*tt.want || r.BytesIn != 64*tt.want || tl.outcomes.settled() != 3*tt.want {
					t.Errorf("got %d bytes out, %d in, %d settled; want 64, 64 and 3 for each", r.BytesOut, r.BytesIn, tl.outcomes.settled())
				}
				second := tl.second
				if second.Answered != tt.want || second.BytesIn != 64*tt.want || second.Failed != tt.want || second.Lost != tt.want {
					t.Errorf("the second: got %d answers of %d bytes, %d failed, %d lost; want %d of each", second.Answered, second.BytesIn, second.Failed, second.Lost, tt.want)
				}
			})
		}
	}
}

// A message without an answer counts with the time that it was waited for. One that was
// refused was not waited for.
func TestLatencyHasTheAgeOfWhatIsNotAnswered(t *testing.T) {
	tl := tallyFor(t, "udp", 0, 0)
	tl.lost(from, from+70)
	tl.failed(from, from+90, dial.Timeout)
	tl.failed(from, from+1, dial.Refused)
	if h := tl.second.Latency; h.Count() != 2 || h.Min() != 70 || h.Max() != 90 {
		t.Errorf("got %d from %v to %v; want 2 from 70ns to 90ns", h.Count(), h.Min(), h.Max())
	}
}

// A closed loop takes a message when a connection is free, until the end of the measurement,
// and not more than the plan has.
func TestClaimTakesTheMessagesOfThePlan(t *testing.T) {
	for _, tt := range []struct {
		name      string
		messages  int64
		at        []int64
		want, due int64
	}{
		{"in the warm-up", 0, []int64{0, from - 1}, 2, 0},
		{"in the measurement", 0, []int64{from, to - 1}, 2, 2},
		{"after the end", 0, []int64{to, to + 1}, 0, 0},
		{"more than the plan has", 2, []int64{0, from, from, from, from}, 3, 2},
	} {
		tl, claimed := tallyFor(t, "tcp", 0, tt.messages), int64(0)
		for _, at := range tt.at {
			if tl.claim(at) {
				claimed++
			}
		}
		if claimed != tt.want || tl.outcomes.due != tt.due {
			t.Errorf("%s: got %d claimed, %d due; want %d and %d", tt.name, claimed, tl.outcomes.due, tt.want, tt.due)
		}
		if stopTally(tl, from+1, new(schedule)); tl.claim(from) {
			t.Errorf("%s: a message was taken after the stop", tt.name)
		}
	}
}

func TestLatencyCountsFromWhenAMessageWasDue(t *testing.T) {
	tl := tallyFor(t, "tcp", 1, 0)
	tl.answered(from, from+70, 64)
	if got := tl.second.Latency.Max(); tl.second.Latency.Count() != 1 || got != 70 {
		t.Errorf("got %d, max %v; want one of 70ns", tl.second.Latency.Count(), got)
	}
}

// The scheduling delay ends when a message is taken from the schedule. The generator has
// kept up with the messages that it took before the end.
func TestSchedulingDelayEndsWhenAMessageIsTaken(t *testing.T) {
	late := to + int64(tooLate)
	tests := []struct {
		name       string
		due, now   int64
		want, kept int64
	}{
		{"before", from - 1, from, 0, 0},
		{"in time", from, from + 50, 1, 1},
		{"a little after the end", from, late - 1, 1, 1},
		{"too late after the end", from, late, 1, 0},
		{"after", to, to, 0, 0},
	}
	for _, tt := range tests {
		tl := tallyFor(t, "tcp", 1, 0)
		tl.scheduled(tt.due, tt.now)
		want := hist.New()
		if tt.want > 0 {
			want.Record(time.Duration(tt.now - tt.due))
		}
		if tl.outcomes.due != tt.want || tl.outcomes.inTime != tt.kept || !tl.second.SchedulingDelay.Equal(want) {
			t.Errorf("%s: got %d due, %d in time, delay %v; want %d, %d, %v", tt.name,
				tl.outcomes.due, tl.outcomes.inTime, tl.second.SchedulingDelay.Max(), tt.want, tt.kept, want.Max())
		}
	}
}

func TestResultHasTheFieldsOfItsPlan(t *testing.T) {
	tests := []struct {
		network        string
		rate           float64
		delay, connect bool
	}{
		{"tcp", 0, false, true},
		{"unix", 1, true, true},
		{"udp", 0, false, false},
		{"udp", 1, true, false},
	}
	for _, tt := range tests {
		r := tallyFor(t, tt.network, tt.rate, 0).result
		if (r.SchedulingDelay != nil) != tt.delay || (r.Connect != nil) != tt.connect || r.Latency == nil {
			t.Errorf("%s, rate %g: got scheduling delay %v, connect %v", tt.network, tt.rate, r.SchedulingDelay, r.Connect)
		}
	}
}

// A run of three messages is over when three have an outcome.
func TestRunEndsWithTheOutcomeOfItsLastMessage(t *testing.T) {
	tests := []struct {
		name    string
		network string
		rate    float64
		do      func(tl account)
		over    bool
	}{
		{"two answers", "tcp", 0, func(tl account) { answer(tl, 2) }, false},
		{"three answers", "tcp", 0, func(tl account) { answer(tl, 3) }, true},
		{"more answers", "tcp", 0, func(tl account) { answer(tl, 5) }, true},
		{"one fails", "tcp", 1, func(tl account) { answer(tl, 2); tl.failed(from, from, dial.Timeout) }, true},
		{"one is lost", "udp", 1, func(tl account) { answer(tl, 2); tl.lost(from, from) }, true},
		{"one of a connection fails", "tcp", 0, func(tl account) { answer(tl, 2); tl.failedAll(from, dial.Reset, pending(1)) }, true},
		{"three of a connection fail", "tcp", 1, func(tl account) { tl.failedAll(from, dial.Reset, pending(3)) }, true},
		{"an idle connection fails", "tcp", 0, func(tl account) { answer(tl, 2); tl.disconnected(dial.Reset) }, false},
		{"a connection cannot be made", "tcp", 0, func(tl account) { answer(tl, 2); tl.connectFailed(dial.Refused) }, false},
		{"a byte is wrong", "tcp", 0, func(tl account) { tl.wrong(&Wrong{}); tl.wrong(&Wrong{}) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tl := tallyFor(t, tt.network, tt.rate, 3)
			tt.do(tl)
			if got := isOver(tl); got != tt.over {
				t.Errorf("the run is over: got %t, want %t", got, tt.over)
			}
		})
	}
	tl := tallyFor(t, "tcp", 0, 0)
	if answer(tl, 100); isOver(tl) {
		t.Error("a run with a duration is over after some messages")
	}
}

func answer(tl account, n int) {
	for range n {
		tl.answered(from, from, 64)
	}
}

// pending returns a queue of n messages.
func pending(n int) *queue {
	q := new(queue)
	for range n {
		q.push(message{due: from})
	}
	return q
}

// Messages and connections are counted apart.
func TestFailuresAreCountedByClass(t *testing.T) {
	tl := tallyFor(t, "tcp", 0, 0)
	tl.failedAll(from, dial.PrematureEOF, pending(3))
	tl.failedAll(from, "", pending(1)) // for an unknown reason
	tl.connected(1)
	tl.connected(1)
	tl.disconnected(dial.PrematureEOF)
	tl.disconnected("") // the load ended it
	tl.connectFailed(dial.Refused)
	r := tl.total()
	got := []any{r.Failed, r.Connects, r.Disconnects, r.ConnectsFailed}
	want := []any{Classes{dial.PrematureEOF: 3, dial.Local: 1}, int64(2), Classes{dial.PrematureEOF: 1}, Classes{dial.Refused: 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestArrivingDatagramIsCounted(t *testing.T) {
	wrong := &Wrong{Conn: 1}
	type counts struct{ Answered, Failed, Duplicated, Late, Foreign, Reordered int64 }
	tests := []struct {
		name string
		now  int64
		a    arrival
		want counts
	}{
		{"the answer", from, arrival{kind: arrivalAnswer, due: from}, counts{Answered: 1}},
		{"reordered", from, arrival{kind: arrivalAnswer, due: from, reordered: true}, counts{Answered: 1, Reordered: 1}},
		{"a duplicate", from, arrival{kind: arrivalDuplicate}, counts{Duplicated: 1}},
		{"a duplicate in the warm-up", from - 1, arrival{kind: arrivalDuplicate}, counts{}},
		{"a duplicate while the last answers are waited for", to, arrival{kind: arrivalDuplicate}, counts{Duplicated: 1}},
		{"late", from, arrival{kind: arrivalLate}, counts{Late: 1}},
		{"of another run", from, arrival{kind: arrivalForeign}, counts{Foreign: 1}},
		{"not an echo", from, arrival{kind: arrivalForeign, wrong: wrong}, counts{Foreign: 1}},
		{"corrupt", from, arrival{kind: arrivalCorrupt, due: from, wrong: wrong}, counts{Failed: 1}},
	}
	for _, tt := range tests {
		tl := tallyFor(t, "udp", 0, 0)
		tl.received(tt.now, tt.a)
		r := tl.total()
		got := counts{r.Answered, r.Failed[dial.Corrupt], r.Duplicated, r.Late, r.Foreign, r.Reordered}
		if got != tt.want || r.Wrong != tt.a.wrong {
			t.Errorf("%s: got %+v, wrong %+v; want %+v, %+v", tt.name, got, r.Wrong, tt.want, tt.a.wrong)
		}
	}
}

func TestFirstWrongByteIsKept(t *testing.T) {
	tl := tallyFor(t, "tcp", 0, 0)
	first := &Wrong{Conn: 1}
	tl.wrong(first)
	tl.wrong(&Wrong{Conn: 2})
	if tl.result.Wrong != first {
		t.Errorf("got %+v, want %+v", tl.result.Wrong, first)
	}
	if !isOver(tl) {
		t.Error("the run goes on")
	}
}

func TestMeasurementStopsAtItsEarliestEnd(t *testing.T) {
	tests := []struct {
		name     string
		messages int64
		stop     int64
		want     float64 // seconds
	}{
		{"stopped", 0, from + 5e8, 0.5},
		{"all messages were due", 10, from + 9e9, 1},
		{"stopped before that", 10, from + 5e8, 0.5},
		{"stopped before it began", 10, from - 5, 0},
	}
	for _, tt := range tests {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Rate, p.Messages, p.Duration = PerSecond(10), tt.messages, time.Hour
		if tt.messages > 0 {
			p.Duration = 0
		}
		tl, s := account{newTally(p, newTotals()), nil}, new(schedule)
		s.start(from, p.Rate)
		tl.begin(from, s)
		if stopTally(tl, tt.stop, s); tl.result.Seconds != tt.want {
			t.Errorf("%s: got %g s, want %g", tt.name, tl.result.Seconds, tt.want)
		}
	}
}

func TestAllIsSettledWhenEachDueMessageHasAnOutcome(t *testing.T) {
	settled := func(tl account) bool {
		select {
		case <-tl.settled:
			return true
		default:
			return false
		}
	}
	tl, s := tallyFor(t, "tcp", 1, 0), new(schedule)
	s.start(from, PerSecond(1e9/500)) // two are due from 1000 until 2000
	answer(tl, 1)
	if stopTally(tl, to, s); settled(tl) {
		t.Error("one of two is answered, and all is settled")
	}
	if tl.failed(from, from, dial.Timeout); !settled(tl) {
		t.Error("two of two have an outcome, and not all is settled")
	}

	closed := tallyFor(t, "tcp", 0, 0)
	closed.claim(from)
	if stopTally(closed, to, s); settled(closed) {
		t.Error("closed loop: one is not answered, and all is settled")
	}
	if answer(closed, 1); !settled(closed) {
		t.Error("closed loop: the only one is answered, and not all is settled")
	}
}

// What the generator did not send in time is due all the same.
func TestMessagesThatWereNotTakenHaveFailed(t *testing.T) {
	tl, s := tallyFor(t, "tcp", 1, 0), new(schedule)
	s.start(from, PerSecond(1e9/100)) // ten are due from 1000 until 2000
	tl.scheduled(from, from)
	answer(tl, 1)
	stopTally(tl, to, s)
	if r := tl.total(); r.Due != 10 || r.Failed[dial.Local] != 9 || !r.Balanced() {
		t.Errorf("got %d due, %d answered, failed %v; want 10, 1 and 9 local", r.Due, r.Answered, r.Failed)
	}
}
