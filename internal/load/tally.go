package load

import (
	"maps"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// tally counts what the slots of one thread report. Messages are counted only in tallies,
// whose sum is the result. Any goroutine may call one. Times are nanoseconds on the clock of
// the run.
//
// A message is due at the time for which it was scheduled, or, in a closed loop, when a
// slot takes it. The messages that are due within the measurement are counted, whenever
// their outcome is known: each ends as exactly one of answered, failed and lost.
type tally struct {
	plan Plan
	all  *totals

	mu       sync.Mutex
	owned    bool  // the goroutine of all slots holds mu while it calls them
	from, to int64 // the measurement: from is part of it, to is not
	outcomes outcomes
	latest   int64 // open loop: when the last message was due that was taken from the schedule
	result   *Result
	second   *Interval // being filled; nil before begin and after the last interval
	conns    int       // open now

	stopped  bool          // no more messages become due
	expected int64         // how many were due; known when stopped
	settled  chan struct{} // closed when stopped and each of them has an outcome
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

func newTally(p Plan, all *totals) *tally {
	t := &tally{plan: p, all: all, from: never, to: never, settled: make(chan struct{}),
		result: &Result{Format: Format, Plan: p, Latency: hist.New(),
			Failed: Classes{}, ConnectsFailed: Classes{}, Disconnects: Classes{}}}
	if t.openLoop() {
		t.result.SchedulingDelay = hist.New()
	}
	if p.GSO {
		t.result.Trains = &Trains{}
	}
	if p.Target.Network != "udp" {
		t.result.Connect = hist.New()
	}
	return t
}

// lock locks mu for what a slot reports. A lock for each message would be a quarter of what a message
// costs the loop, which therefore owns its tally.
func (t *tally) lock() {
	if !t.owned {
		t.mu.Lock()
	}
}

func (t *tally) unlock() {
	if !t.owned {
		t.mu.Unlock()
	}
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
func (t *tally) claim(now int64) bool { return t.claimUpTo(1, now) == 1 }

// claimUpTo takes several messages as claim does, n at most, and returns how many.
func (t *tally) claimUpTo(n int, now int64) (claimed int) {
	if n <= 0 {
		return 0
	}
	t.lock()
	defer t.unlock()
	for claimed < n && !t.over(now) && (!t.measured(now) || t.take()) {
		claimed++
	}
	if t.measured(now) {
		t.outcomes.due += int64(claimed)
		t.second.Due += int64(claimed)
	}
	return claimed
}

// isOver reports whether no more messages become due.
func (t *tally) isOver(now int64) bool {
	t.lock()
	defer t.unlock()
	return t.over(now)
}

func (t *tally) over(now int64) bool {
	n := t.plan.Messages
	return t.all.ended.Load() || t.stopped || now >= t.to || n > 0 && t.all.taken.Load() >= n
}

// take takes one of the messages of the plan, if that has a number. It returns false if all are
// taken.
func (t *tally) take() bool {
	n := t.plan.Messages
	return n == 0 || t.all.taken.Add(1) <= n
}

// scheduled counts a message that was taken from the schedule. The delay until then
// is the generator's. What the message waits for later, e.g. a connection or space
// in a send buffer, is the server's.
func (t *tally) scheduled(due, now int64) {
	t.lock()
	defer t.unlock()
	if !t.measured(due) {
		return
	}
	t.latest = due
	t.take()
	t.outcomes.due++
	t.second.Due++
	t.second.SchedulingDelay.Record(time.Duration(now - due))
	if now < t.to+int64(tooLate) {
		t.outcomes.inTime++
	}
}

// sent counts a message that was given to its connection.
func (t *tally) sent(due int64, size int) {
	t.lock()
	defer t.unlock()
	t.give(due, size)
}

// sentAll counts messages that were given to their socket.
func (t *tally) sentAll(all []message) {
	t.lock()
	defer t.unlock()
	for _, m := range all {
		t.give(m.due, m.size)
	}
}

// sentTrains counts the trains in the first n of these datagrams, which the socket has taken in
// pieces of that many.
func (t *tally) sentTrains(all []message, n, each int) {
	t.lock()
	defer t.unlock()
	if each > 1 && n > 0 && t.measured(all[0].due) {
		t.result.Trains.Sent += int64(n / each)
		t.result.Trains.SentDatagrams += int64(n)
	}
}

// receivedTrain counts a train of that many datagrams.
func (t *tally) receivedTrain(now int64, n int) {
	t.lock()
	defer t.unlock()
	if now >= t.from && t.result.Trains != nil {
		t.result.Trains.Received++
		t.result.Trains.ReceivedDatagrams += int64(n)
	}
}

func (t *tally) give(due int64, size int) {
	if t.measured(due) {
		t.outcomes.sent++
		t.result.BytesOut += int64(size)
	}
}

// wrong ends the run. The first wrong byte is kept.
func (t *tally) wrong(w *Wrong) {
	t.lock()
	defer t.unlock()
	t.noteWrong(w)
}

func (t *tally) noteWrong(w *Wrong) {
	if t.result.Wrong == nil {
		t.result.Wrong = w
	}
	t.all.end()
}

// end ends the run.
func (t *tally) end() { t.all.end() }

// settle is called after n outcomes. It ends the run if that is limited to a number of messages
// and all of them have an outcome.
func (t *tally) settle(n int64) {
	if all := t.plan.Messages; all > 0 && t.all.settled.Add(n) >= all {
		t.all.end()
	}
	t.checkSettled()
}

func (t *tally) checkSettled() {
	if t.stopped && t.outcomes.settled() == t.expected {
		close(t.settled)
	}
}

// stopAt ends the measurement at that time. The lock is held.
func (t *tally) stopAt(end int64, s *schedule) {
	t.stopped, t.expected = true, t.outcomes.due
	if t.openLoop() {
		t.to = end
		s.end.Store(end)
		t.expected = s.count(t.from, end)
	}
	t.result.Seconds = max(0, time.Duration(end-t.from).Seconds())
	t.checkSettled()
}

// nextInterval ends one interval, which it returns, and starts the next one.
func (t *tally) nextInterval(now int64) *Interval {
	next := t.newInterval()
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.second
	next.At = time.Duration(now - t.from).Seconds()
	done.Seconds, done.Conns, next.Conns = next.At-done.At, t.conns, t.conns
	t.second = next
	return done
}

// lastInterval ends the last interval and returns it.
func (t *tally) lastInterval(now int64) *Interval {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.second
	t.second = nil
	done.Seconds = time.Duration(now-t.from).Seconds() - done.At
	return done
}

// soFar returns what became of the messages until now.
func (t *tally) soFar() Outcomes {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Outcomes{Due: t.outcomes.due, Answered: t.outcomes.answered, Lost: t.outcomes.lost, Failed: maps.Clone(t.result.Failed)}
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
