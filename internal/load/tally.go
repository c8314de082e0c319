package load

import (
	"cmp"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// tally counts what the slots report. It is the only place where messages are
// counted. Any goroutine may call it. Times are nanoseconds on the clock of the
// run.
type tally struct {
	byDue    bool  // open loop: a message is measured if it was due within the measurement; else if its outcome was
	messages int64 // the run ends when this many messages have an outcome; 0: when the time is over

	mu       sync.Mutex
	from, to int64 // the measurement: from is part of it, to is not
	outcomes outcomes
	result   *Result
	second   *Interval // being filled; nil before and after the measurement
	conns    int       // open now

	enough   chan struct{} // closed when the run is to end by itself
	ended    bool          // enough is closed
	finished chan *Interval
}

// outcomes counts what became of the messages of the measurement. Each message
// that was due ends as exactly one of answered, failed and lost. In a closed loop
// a connection that fails without a message counts as one failed message: it was an
// attempt to send one.
type outcomes struct {
	due      int64 // open loop: taken from the schedule
	inTime   int64 // of these: taken before the measurement was over
	sent     int64 // given to a socket, or to the queue in front of it
	answered int64 // the answer came back complete, and correct if that was compared
	failed   int64 // the connection failed, or there was none
	lost     int64 // datagrams: no answer came within the timeout
}

// settled returns how many messages have an outcome.
func (o *outcomes) settled() int64 { return o.answered + o.failed + o.lost }

const never = int64(1) << 62

func newTally(p Plan) *tally {
	t := &tally{byDue: p.Rate > 0, messages: p.Messages, from: never, to: never,
		enough: make(chan struct{}), finished: make(chan *Interval, 16),
		result: &Result{Format: Format, Plan: p, Latency: hist.New(), Errors: map[dial.Class]int64{}}}
	if p.Rate > 0 {
		t.result.SchedulingDelay = hist.New()
	}
	if p.Target.Network == "udp" {
		t.result.Datagrams = new(Datagrams)
	} else {
		t.result.Connect = hist.New()
	}
	return t
}

// measured reports whether a message that was due at one time, and had its outcome
// at another, is part of the result.
func (t *tally) measured(due, now int64) bool {
	if t.byDue {
		return due >= t.from && due < t.to
	}
	return now >= t.from && now < t.to
}

// scheduled counts a message that was taken from the schedule. The delay until then
// is the generator's. What the message waits for later, e.g. a connection or space
// in a send buffer, is the server's.
func (t *tally) scheduled(due, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) {
		return
	}
	t.outcomes.due++
	t.result.SchedulingDelay.Record(time.Duration(now - due))
	if now < t.to+int64(tooLate) {
		t.outcomes.inTime++
	}
}

// sent counts a message that was given to its connection.
func (t *tally) sent(due, now int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured(due, now) {
		t.outcomes.sent++
		t.result.BytesOut += int64(size)
	}
}

// answered counts a message whose answer came back complete.
func (t *tally) answered(due, now int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) || t.second == nil {
		return
	}
	t.outcomes.answered++
	t.result.BytesIn += int64(size)
	t.second.Messages++
	t.second.BytesIn += int64(size)
	t.second.Latency.Record(time.Duration(now - due))
	t.checkEnough()
}

// failed counts a message whose connection failed, or that had none.
func (t *tally) failed(due, now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail(due, now, class)
}

func (t *tally) fail(due, now int64, class dial.Class) {
	if t.measured(due, now) {
		t.addError(class)
		t.outcomes.failed++
		t.checkEnough()
	}
}

// lost counts a datagram without an answer within the timeout.
func (t *tally) lost(due, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured(due, now) {
		t.outcomes.lost++
		t.checkEnough()
	}
}

// connFailed counts an error that is not the outcome of a known message: of a
// connection without one, or of a datagram socket, where the message counts as lost
// later.
func (t *tally) connFailed(now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failConn(now, class)
}

func (t *tally) failConn(now int64, class dial.Class) {
	if !t.measured(now, now) {
		return
	}
	t.addError(class)
	if !t.byDue && t.result.Datagrams == nil {
		t.outcomes.failed++
		t.checkEnough()
	}
}

// connLost counts the end of a connection: its pending messages fail with it. If
// there are none, the connection itself counts as failed.
func (t *tally) connLost(now int64, class dial.Class, pending *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pending.len() == 0 {
		t.failConn(now, class)
	}
	for m, ok := pending.pop(); ok; m, ok = pending.pop() {
		t.fail(m.due, now, class)
	}
}

func (t *tally) addError(class dial.Class) {
	t.result.Errors[cmp.Or(class, dial.Local)]++
	if t.second != nil {
		t.second.Errors++
	}
}

// received counts a datagram that arrived.
func (t *tally) received(now int64, a arrival) {
	if a.first {
		t.answered(a.due, now, a.size)
	}
	if a.wrong != nil {
		t.wrong(a.wrong)
	}
	if !a.duplicate && !a.reordered {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now < t.from || now >= t.to {
		return
	}
	if a.duplicate {
		t.result.Datagrams.Duplicated++
	}
	if a.reordered {
		t.result.Datagrams.Reordered++
	}
}

// connected counts a connection, or a datagram socket, and how long it took to make.
func (t *tally) connected(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns++
	if t.result.Connect != nil {
		t.result.Connect.Record(took)
	}
}

// disconnected counts the end of what connected counted.
func (t *tally) disconnected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns--
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

// checkEnough ends the run if it is limited to a number of messages and all of them
// have an outcome.
func (t *tally) checkEnough() {
	if t.messages > 0 && t.outcomes.settled() >= t.messages {
		t.end()
	}
}

func (t *tally) end() {
	if !t.ended {
		t.ended = true
		close(t.enough)
	}
}

// allSettled reports whether every message that was due within the measurement has
// an outcome.
func (t *tally) allSettled(s *schedule) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.outcomes.settled() >= s.count(t.from, t.to)
}

// begin starts the measurement. It lasts until stop; in an open loop with a number
// of messages, until that many were due. The clock is read under the lock: what is
// counted later is either due later or not measured.
func (t *tally) begin(clock func() int64, s *schedule) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from = clock()
	if t.byDue && t.messages > 0 {
		t.to = s.at(s.first(t.from) + t.messages)
	}
	t.result.Started = time.Now()
	t.second = &Interval{Latency: hist.New()}
}

// stop ends the measurement. It reports whether the run had ended by itself.
func (t *tally) stop(clock func() int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to = min(t.to, clock())
	if t.from != never {
		t.result.Seconds = time.Duration(t.to - t.from).Seconds()
	}
	return t.ended
}

// nextInterval ends one interval and starts the next one, unless it was the last.
// It returns a copy of the interval that ended; archive keeps the original.
//
// Messages wait for the lock. Making a histogram and adding two up take the time of
// many messages, so both are done without it.
func (t *tally) nextInterval(now int64, last bool) Interval {
	next := &Interval{Latency: hist.New()}
	t.mu.Lock()
	done := t.second
	next.At = time.Duration(now - t.from).Seconds()
	done.Seconds, done.Conns = next.At-done.At, t.conns
	if t.second = next; last {
		t.second = nil
	}
	t.mu.Unlock()
	shown := *done
	shown.Latency = hist.New()
	shown.Latency.Add(done.Latency)
	t.finished <- done
	return shown
}

// archive adds the finished intervals to the result until there are no more. It
// runs in a goroutine of its own, because it takes a millisecond for each.
func (t *tally) archive() {
	for done := range t.finished {
		t.result.Latency.Add(done.Latency)
		done.Latency.Fold()
		t.result.Intervals = append(t.result.Intervals, *done)
	}
}

// total copies the outcomes into the result and returns it. Call it when nothing is
// counted any more.
func (t *tally) total() *Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, o := t.result, t.outcomes
	r.Messages, r.Sent = o.answered, o.sent
	if d := r.Datagrams; d != nil {
		d.Sent, d.Received, d.Lost = o.sent, o.answered, o.lost
	}
	return r
}
