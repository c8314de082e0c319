package load

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"echod/internal/dial"
	"echod/internal/hist"
)

// The measurement of these tests.
const from, to = int64(1000), int64(2000)

// tallyFor returns the tally of a plan, with these limits of the measurement.
func tallyFor(t *testing.T, network string, rate float64, messages int64) *tally {
	t.Helper()
	p := planOf(t, "tcp://127.0.0.1:7", "64")
	p.Target.Network, p.Rate = network, rate
	if messages > 0 {
		p.Duration, p.Messages = 0, messages
	}
	tl, s := newTally(p), new(schedule)
	s.start(0, rate)
	tl.begin(func() int64 { return from }, s)
	tl.to = to
	return tl
}

// isOver reports whether the run is over.
func isOver(tl *tally) bool {
	select {
	case <-tl.enough:
		return true
	default:
		return false
	}
}

// In a closed loop the time at which something happens decides whether it counts. In an
// open loop it is the time at which the message was due.
func TestOutcomeCountsWithinTheMeasurement(t *testing.T) {
	const long = int64(1e12)
	tests := []struct {
		name     string
		rate     float64
		due, now int64
		want     int64
	}{
		{"closed loop, before", 0, from, from - 1, 0},
		{"closed loop, at the start", 0, 0, from, 1},
		{"closed loop, at the end", 0, from, to - 1, 1},
		{"closed loop, after", 0, from, to, 0},
		{"open loop, due before", 1, from - 1, from, 0},
		{"open loop, due at the start", 1, from, from, 1},
		{"open loop, due at the end, answered long after", 1, to - 1, long, 1},
		{"open loop, due after", 1, to, to, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tl := tallyFor(t, "udp", tt.rate, 0)
			tl.sent(tt.due, tt.now, 64)
			tl.answered(tt.due, tt.now, 64)
			tl.failed(tt.due, tt.now, dial.Timeout)
			tl.lost(tt.due, tt.now)
			r := tl.total()
			want := Datagrams{Sent: tt.want, Received: tt.want, Lost: tt.want}
			if r.Sent != tt.want || r.Messages != tt.want || r.Errors[dial.Timeout] != tt.want || *r.Datagrams != want {
				t.Errorf("got %d sent, %d back, errors %v, %+v; want %d of each", r.Sent, r.Messages, r.Errors, *r.Datagrams, tt.want)
			}
			if r.BytesOut != 64*tt.want || r.BytesIn != 64*tt.want || tl.outcomes.settled() != 3*tt.want {
				t.Errorf("got %d bytes out, %d in, %d settled; want 64, 64 and 3 for each", r.BytesOut, r.BytesIn, tl.outcomes.settled())
			}
			second := tl.second
			if second.Messages != tt.want || second.BytesIn != 64*tt.want || second.Errors != tt.want {
				t.Errorf("the second: got %d messages of %d bytes, %d errors; want %d of each", second.Messages, second.BytesIn, second.Errors, tt.want)
			}
		})
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
		if tl.outcomes.due != tt.want || tl.outcomes.inTime != tt.kept || !tl.result.SchedulingDelay.Equal(want) {
			t.Errorf("%s: got %d due, %d in time, delay %v; want %d, %d, %v", tt.name,
				tl.outcomes.due, tl.outcomes.inTime, tl.result.SchedulingDelay.Max(), tt.want, tt.kept, want.Max())
		}
	}
}

func TestResultHasTheFieldsOfItsPlan(t *testing.T) {
	tests := []struct {
		network                   string
		rate                      float64
		delay, connect, datagrams bool
	}{
		{"tcp", 0, false, true, false},
		{"unix", 1, true, true, false},
		{"udp", 0, false, false, true},
		{"udp", 1, true, false, true},
	}
	for _, tt := range tests {
		r := tallyFor(t, tt.network, tt.rate, 0).result
		if (r.SchedulingDelay != nil) != tt.delay || (r.Connect != nil) != tt.connect || (r.Datagrams != nil) != tt.datagrams || r.Latency == nil {
			t.Errorf("%s, rate %g: got scheduling delay %v, connect %v, datagrams %v", tt.network, tt.rate, r.SchedulingDelay, r.Connect, r.Datagrams)
		}
	}
}

// A run of three messages is over when three have an outcome.
func TestRunEndsWithTheOutcomeOfItsLastMessage(t *testing.T) {
	tests := []struct {
		name    string
		network string
		rate    float64
		do      func(tl *tally)
		over    bool
	}{
		{"two answers", "tcp", 0, func(tl *tally) { answer(tl, 2) }, false},
		{"three answers", "tcp", 0, func(tl *tally) { answer(tl, 3) }, true},
		{"more answers", "tcp", 0, func(tl *tally) { answer(tl, 5) }, true},
		{"one fails", "tcp", 1, func(tl *tally) { answer(tl, 2); tl.failed(from, from, dial.Timeout) }, true},
		{"one is lost", "udp", 1, func(tl *tally) { answer(tl, 2); tl.lost(from, from) }, true},
		{"a connection fails with one", "tcp", 0, func(tl *tally) { answer(tl, 2); tl.connLost(from, dial.Reset, pending(1)) }, true},
		{"a connection fails with three", "tcp", 1, func(tl *tally) { tl.connLost(from, dial.Reset, pending(3)) }, true},
		{"an idle connection fails, closed loop", "tcp", 0, func(tl *tally) { answer(tl, 2); tl.connLost(from, dial.Reset, pending(0)) }, true},
		{"an idle connection fails, open loop", "tcp", 1, func(tl *tally) { answer(tl, 2); tl.connLost(from, dial.Reset, pending(0)) }, false},
		{"a connection cannot be made, closed loop", "tcp", 0, func(tl *tally) { answer(tl, 2); tl.connFailed(from, dial.Refused) }, true},
		{"a connection cannot be made, open loop", "tcp", 1, func(tl *tally) { answer(tl, 2); tl.connFailed(from, dial.Refused) }, false},
		{"a datagram socket fails", "udp", 0, func(tl *tally) { answer(tl, 2); tl.connFailed(from, dial.Refused) }, false},
		{"a byte is wrong", "tcp", 0, func(tl *tally) { tl.wrong(&Wrong{}); tl.wrong(&Wrong{}) }, true},
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

func answer(tl *tally, n int) {
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

func TestMessagesFailWithTheirConnection(t *testing.T) {
	tests := []struct {
		name    string
		now     int64
		class   dial.Class
		pending int
		want    map[dial.Class]int64
	}{
		{"idle", from, dial.Reset, 0, map[dial.Class]int64{dial.Reset: 1}},
		{"with one", from, dial.Reset, 1, map[dial.Class]int64{dial.Reset: 1}},
		{"with three", from, dial.PrematureEOF, 3, map[dial.Class]int64{dial.PrematureEOF: 3}},
		{"for an unknown reason", from, "", 1, map[dial.Class]int64{dial.Local: 1}},
		{"idle, in the warm-up", from - 1, dial.Reset, 0, map[dial.Class]int64{}},
		{"with one, in the warm-up", from - 1, dial.Reset, 1, map[dial.Class]int64{}},
		{"idle, after the end", to, dial.Reset, 0, map[dial.Class]int64{}},
	}
	for _, tt := range tests {
		tl := tallyFor(t, "tcp", 0, 0)
		tl.connLost(tt.now, tt.class, pending(tt.pending))
		if diff := cmp.Diff(tt.want, tl.result.Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestArrivingDatagramIsCounted(t *testing.T) {
	wrong := &Wrong{Conn: 1}
	tests := []struct {
		name string
		now  int64
		a    arrival
		want Datagrams
	}{
		{"the answer", from, arrival{due: from, first: true}, Datagrams{Received: 1}},
		{"reordered", from, arrival{due: from, first: true, reordered: true}, Datagrams{Received: 1, Reordered: 1}},
		{"a duplicate", from, arrival{duplicate: true}, Datagrams{Duplicated: 1}},
		{"a duplicate in the warm-up", from - 1, arrival{duplicate: true}, Datagrams{}},
		{"a duplicate at the end", to - 1, arrival{duplicate: true}, Datagrams{Duplicated: 1}},
		{"a duplicate after the end", to, arrival{duplicate: true}, Datagrams{}},
		{"of another run", from, arrival{stray: true}, Datagrams{}},
		{"wrong", from, arrival{wrong: wrong}, Datagrams{}},
	}
	for _, tt := range tests {
		tl := tallyFor(t, "udp", 0, 0)
		tl.received(tt.now, tt.a)
		tl.total()
		if *tl.result.Datagrams != tt.want || tl.result.Wrong != tt.a.wrong {
			t.Errorf("%s: got %+v, wrong %+v; want %+v, %+v", tt.name, *tl.result.Datagrams, tl.result.Wrong, tt.want, tt.a.wrong)
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
	if !tl.stop(func() int64 { return to }) {
		t.Error("the run has not ended by itself")
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
	}
	for _, tt := range tests {
		p := planOf(t, "tcp://127.0.0.1:7", "64")
		p.Rate, p.Messages = 10, tt.messages
		tl, s := newTally(p), new(schedule)
		s.start(from, p.Rate)
		tl.begin(func() int64 { return from }, s)
		tl.stop(func() int64 { return tt.stop })
		if tl.result.Seconds != tt.want {
			t.Errorf("%s: got %g s, want %g", tt.name, tl.result.Seconds, tt.want)
		}
	}
	tl := newTally(planOf(t, "tcp://127.0.0.1:7", "64"))
	if tl.stop(func() int64 { return 5e9 }); tl.result.Seconds != 0 {
		t.Errorf("not begun: got %g s, want 0", tl.result.Seconds)
	}
}

func TestAllIsSettledWhenEachDueMessageHasAnOutcome(t *testing.T) {
	tl, s := tallyFor(t, "tcp", 1, 0), new(schedule)
	s.start(from, 1e9/500) // two are due from 1000 until 2000
	answer(tl, 1)
	if tl.allSettled(s) {
		t.Error("one of two is answered, and all is settled")
	}
	tl.failed(from, from, dial.Timeout)
	if !tl.allSettled(s) {
		t.Error("two of two have an outcome, and not all is settled")
	}
}

func TestIntervalsAddUpToTheResult(t *testing.T) {
	p := planOf(t, "unix:///nowhere", "64")
	tl := newTally(p)
	tl.begin(func() int64 { return from }, new(schedule))
	tl.connected(3)
	tl.connected(4)
	at := func(seconds float64) int64 { return from + int64(seconds*1e9) }
	tl.answered(from, from+50, 64)
	first := tl.nextInterval(at(1), false)
	tl.disconnected()
	tl.answered(at(1), at(1)+70, 64)
	tl.answered(at(1), at(1)+90, 64)
	last := tl.nextInterval(at(1.5), true)
	tl.answered(at(1.5), at(1.5), 64) // after the last interval
	close(tl.finished)
	tl.archive()
	type figures struct {
		At, Seconds float64
		Messages    int64
		Conns       int
	}
	want := []figures{{0, 1, 1, 2}, {1, 0.5, 2, 1}}
	for i, got := range []Interval{first, last} {
		kept := tl.result.Intervals[i]
		if f := (figures{got.At, got.Seconds, got.Messages, got.Conns}); f != want[i] {
			t.Errorf("interval %d: got %+v, want %+v", i, f, want[i])
		}
		if f := (figures{kept.At, kept.Seconds, kept.Messages, kept.Conns}); f != want[i] || !kept.Latency.Equal(got.Latency) {
			t.Errorf("interval %d is kept as %+v, want %+v", i, f, want[i])
		}
	}
	if r := tl.total(); r.Messages != 3 || r.Latency.Count() != 3 || r.Latency.Max() != 90 || r.Connect.Count() != 2 || r.Connect.Max() != 4 {
		t.Errorf("got %d messages, %d latencies up to %v, %d connects", r.Messages, r.Latency.Count(), r.Latency.Max(), r.Connect.Count())
	}
}
