package load

import (
	"maps"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// tally counts what the slots report. It is the only place where messages are
// counted. Any goroutine may call it. Times are nanoseconds on the clock of the
// run.
//
// A message is due at the time for which it was scheduled, or, in a closed loop, when a
// slot takes it. The messages that are due within the measurement are counted, whenever
// their outcome is known: each ends as exactly one of answered, failed and lost.
type tally struct {
	plan Plan

	mu       sync.Mutex
	from, to int64 // the measurement: from is part of it, to is not
	outcomes outcomes
	latest   int64 // open loop: when the last message was due that was taken from the schedule
	result   *Result
	second   *Interval // being filled; nil before begin and after the last interval
	conns    int       // open now

	enough   chan struct{} // closed when the run is to end by itself
	ended    bool          // enough is closed
	stopped  bool          // no more messages become due
	expected int64         // how many were due; known when stopped
	settled  chan struct{} // closed when stopped and each of them has an outcome
	finished chan *Interval
}

// outcomes counts what became of the messages of the measurement.
type outcomes struct {
	due      int64 // taken by a slot, or from the schedule
	inTime   int64 // open loop: taken from the schedule before the measurement was over
	sent     int64 // given to a socket, or to the queue in front of it
	answered int64 // the answer came back complete, and correct if that was compared
	failed   int64 // the connection failed, or there was none, or the answer did not come in time
	lost     int64 // datagrams: no answer came in time
}

// settled returns how many messages have an outcome.
func (o *outcomes) settled() int64 { return o.answered + o.failed + o.lost }

const never = int64(1) << 62

func newTally(p Plan) *tally {
	t := &tally{plan: p, from: never, to: never,
		enough: make(chan struct{}), settled: make(chan struct{}), finished: make(chan *Interval, 16),
		result: &Result{Format: Format, Plan: p, Latency: hist.New(),
			Failed: Classes{}, ConnectsFailed: Classes{}, Disconnects: Classes{}}}
	if t.openLoop() {
		t.result.SchedulingDelay = hist.New()
	}
	if p.Target.Network != "udp" {
		t.result.Connect = hist.New()
	}
	return t
}

func (t *tally) openLoop() bool { return !t.plan.Rate.IsZero() }

// measured reports whether a message that is due at that time is part of the result.
func (t *tally) measured(due int64) bool { return due >= t.from && due < t.to }

// begin says when the measurement begins, which is not before now, and starts the first
// interval. The measurement lasts until stop, and not longer than the plan says.
func (t *tally) begin(from int64, s *schedule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from = from
	switch {
	case t.plan.Duration > 0:
		t.to = from + int64(t.plan.Duration)
	case t.openLoop():
		t.to = s.at(s.first(from) + t.plan.Messages)
	}
	s.end.Store(t.to)
	t.second = t.newInterval()
}

func (t *tally) newInterval() *Interval {
	in := &Interval{Latency: hist.New()}
	if t.openLoop() {
		in.SchedulingDelay = hist.New()
	}
	return in
}

// claim takes a message of the closed loop, which is due now. It returns false if no more
// messages may be sent: the measurement is over, or all messages of the plan are taken.
func (t *tally) claim(now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over(now) {
		return false
	}
	if t.measured(now) {
		t.outcomes.due++
		t.second.Due++
	}
	return true
}

// isOver reports whether no more messages become due.
func (t *tally) isOver(now int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.over(now)
}

func (t *tally) over(now int64) bool {
	n := t.plan.Messages
	return t.ended || t.stopped || now >= t.to || n > 0 && t.outcomes.due >= n
}

// scheduled counts a message that was taken from the schedule. The delay until then
// is the generator's. What the message waits for later, e.g. a connection or space
// in a send buffer, is the server's.
func (t *tally) scheduled(due, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due) {
		return
	}
	t.latest = due
	t.outcomes.due++
	t.second.Due++
	t.second.SchedulingDelay.Record(time.Duration(now - due))
	if now < t.to+int64(tooLate) {
		t.outcomes.inTime++
	}
}

// sent counts a message that was given to its connection.
func (t *tally) sent(due int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured(due) {
		t.outcomes.sent++
		t.result.BytesOut += int64(size)
	}
}

// wrong ends the run. The first wrong byte is kept.
func (t *tally) wrong(w *Wrong) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.result.Wrong == nil {
		t.result.Wrong = w
	}
	t.end()
}

// checkSettled ends the run if it is limited to a number of messages and all of them have
// an outcome.
func (t *tally) checkSettled() {
	settled := t.outcomes.settled()
	if n := t.plan.Messages; n > 0 && settled >= n {
		t.end()
	}
	if t.stopped && settled == t.expected {
		close(t.settled)
	}
}

func (t *tally) end() {
	if !t.ended {
		t.ended = true
		close(t.enough)
	}
}

// stop ends the measurement at the latest now: no more messages become due. Those that
// were due may still get their outcomes, until settled is closed. The driver may have taken
// messages from the schedule since the caller got the time: they are counted, so they are due
// before the end.
func (t *tally) stop(now int64, s *schedule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := min(t.to, max(now, t.latest+1))
	if n := t.plan.Messages; n > 0 && t.openLoop() && t.outcomes.due == n {
		end = t.to // the schedule says how long they took, and not the last answer
	}
	t.stopped, t.expected = true, t.outcomes.due
	if t.openLoop() {
		t.to = end
		s.end.Store(end)
		t.expected = s.count(t.from, end)
	}
	t.result.Seconds = max(0, time.Duration(end-t.from).Seconds())
	t.checkSettled()
}

// nextInterval ends one interval and starts the next one. It returns a copy of the interval that
// ended, without its scheduling delays; archive keeps the original.
//
// Messages wait for the lock. Making a histogram and adding two up take the time of
// many messages, so both are done without it.
func (t *tally) nextInterval(now int64) Interval {
	next := t.newInterval()
	t.mu.Lock()
	done := t.second
	next.At = time.Duration(now - t.from).Seconds()
	done.Seconds, done.Conns, next.Conns = next.At-done.At, t.conns, t.conns
	t.second = next
	t.mu.Unlock()
	shown := *done
	shown.Latency, shown.SchedulingDelay = hist.New(), nil
	shown.Latency.Add(done.Latency)
	t.finished <- done
	return shown
}

// lastInterval ends the interval after the end of the measurement, which has the late outcomes.
// In the last second of the measurement they would make a peak. It is omitted if there are none.
func (t *tally) lastInterval(now int64) {
	t.mu.Lock()
	done := t.second
	t.second = nil
	t.mu.Unlock()
	done.Seconds = time.Duration(now-t.from).Seconds() - done.At
	if done.Answered+done.Failed+done.Lost+done.BytesIn+done.Due > 0 {
		t.finished <- done
	}
}

// soFar returns what became of the messages until now.
func (t *tally) soFar() Outcomes {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Outcomes{Due: t.outcomes.due, Answered: t.outcomes.answered, Lost: t.outcomes.lost, Failed: maps.Clone(t.result.Failed)}
}

// archive adds the finished intervals to the result until there are no more. It
// runs in a goroutine of its own, because it takes a millisecond for each.
func (t *tally) archive() {
	for done := range t.finished {
		t.result.Latency.Add(done.Latency)
		done.Latency.Fold()
		if done.SchedulingDelay != nil {
			t.result.SchedulingDelay.Add(done.SchedulingDelay)
			done.SchedulingDelay.Fold()
		}
		t.result.Intervals = append(t.result.Intervals, *done)
	}
}

// total copies the outcomes into the result and returns it. Call it when nothing is
// counted any more. Messages that the generator did not even take from the schedule are due
// and have failed.
func (t *tally) total() *Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, o := t.result, t.outcomes
	if untaken := t.expected - o.due; untaken > 0 {
		o.due += untaken
		r.Failed[dial.Local] += untaken
	}
	r.Due, r.Sent, r.Answered, r.Lost = o.due, o.sent, o.answered, o.lost
	return r
}
