package load

import (
	"cmp"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/hist"
)

// tally counts what a driver sees. Any goroutine may call it. Moments are
// nanoseconds on the clock of the run.
type tally struct {
	byDue    bool  // a message counts if it was due while measured; else if it came then
	messages int64 // how many settle the run; 0 if time does

	mu       sync.Mutex
	from, to int64 // what is measured
	result   *Result
	second   *Interval
	conns    int   // open now
	due      int64 // messages of the schedule that were due while measured …
	kept     int64 // … and were taken before that was over
	settled  int64 // … and are back, or never will be

	enough chan struct{} // closed when messages are settled, or a byte was wrong
	ended  bool          // enough is closed
	filled chan *Interval
}

const never = int64(1) << 62

func newTally(p Plan) *tally {
	t := &tally{byDue: p.Rate > 0, messages: p.Messages, from: never, to: never,
		enough: make(chan struct{}), filled: make(chan *Interval, 16),
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

// measured reports whether what was due at one moment, and happened at another,
// belongs to the result.
func (t *tally) measured(due, now int64) bool {
	if t.byDue {
		return due >= t.from && due < t.to
	}
	return now >= t.from && now < t.to
}

// took counts a message that was taken from the schedule. How late that was is
// the generator's doing; what it waits for after that, a connection or room in
// one, is the server's.
func (t *tally) took(due, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) {
		return
	}
	t.due++
	t.result.SchedulingDelay.Record(time.Duration(now - due))
	if now < t.to+int64(tooLate) {
		t.kept++
	}
}

// left counts a message that was handed to the socket, or is next to be.
func (t *tally) left(due, now int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) {
		return
	}
	t.result.Sent++
	t.result.BytesOut += int64(size)
	if t.result.Datagrams != nil {
		t.result.Datagrams.Sent++
	}
}

// answered counts a message that is back whole.
func (t *tally) answered(due, now int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) || t.second == nil {
		return
	}
	t.result.Messages++
	t.result.BytesIn += int64(size)
	t.second.Messages++
	t.second.BytesIn += int64(size)
	t.second.Latency.Record(time.Duration(now - due))
	if t.result.Datagrams != nil {
		t.result.Datagrams.Received++
	}
	t.settle()
}

// broke counts an error that no message of a schedule is known to have met: of a
// connection that had none under way, or of a socket for datagrams, where the
// message counts as lost when its time is up.
func (t *tally) broke(now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failConn(now, class)
}

// gone counts what a connection has taken with it: the messages under way, or
// itself if there were none.
func (t *tally) gone(now int64, class dial.Class, pending *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pending.len() == 0 {
		t.failConn(now, class)
	}
	for m, ok := pending.take(); ok; m, ok = pending.take() {
		t.fail(m.due, now, class)
	}
}

// missed counts a message that had no connection to leave by.
func (t *tally) missed(due, now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail(due, now, class)
}

// fail counts a message that came to nothing.
func (t *tally) fail(due, now int64, class dial.Class) {
	if t.measured(due, now) {
		t.count(class)
		t.settle()
	}
}

// failConn counts a connection that came to nothing. In a closed loop that was a
// try to send a message; on a schedule each message is accounted for by itself,
// and so is each datagram.
func (t *tally) failConn(now int64, class dial.Class) {
	if !t.measured(now, now) {
		return
	}
	t.count(class)
	if !t.byDue && t.result.Datagrams == nil {
		t.settle()
	}
}

func (t *tally) count(class dial.Class) {
	t.result.Errors[cmp.Or(class, dial.Local)]++
	if t.second != nil {
		t.second.Errors++
	}
}

// lost counts a datagram that did not come back in time.
func (t *tally) lost(due, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured(due, now) {
		t.result.Datagrams.Lost++
		t.settle()
	}
}

// arrived counts a datagram that came, whatever it was.
func (t *tally) arrived(now int64, a arrival) {
	if a.fresh {
		t.answered(a.due, now, a.size)
	}
	if a.twice || a.reordered {
		t.odd(now, a)
	}
	if a.wrong != nil {
		t.wrong(a.wrong)
	}
}

// odd counts a datagram that came out of order, or once more.
func (t *tally) odd(now int64, a arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now < t.from || now >= t.to {
		return
	}
	if a.twice {
		t.result.Datagrams.Duplicated++
	}
	if a.reordered {
		t.result.Datagrams.Reordered++
	}
}

// connected counts a connection that was made, or a socket, whenever that was.
func (t *tally) connected(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns++
	if t.result.Connect != nil {
		t.result.Connect.Record(took)
	}
}

// closed counts one that is no more.
func (t *tally) closed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns--
}

// wrong ends the run: the first one is kept.
func (t *tally) wrong(w *Wrong) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.result.Wrong == nil {
		t.result.Wrong = w
	}
	t.end()
}

func (t *tally) settle() {
	t.settled++
	if t.messages > 0 && t.settled >= t.messages {
		t.end()
	}
}

func (t *tally) end() {
	if !t.ended {
		t.ended = true
		close(t.enough)
	}
}

// settledAll reports whether every message that was due while measured is back, or
// never will be.
func (t *tally) settledAll(s *schedule) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled >= s.count(t.from, t.to)
}

// begin starts to measure, until stop, or until as many messages of s were due
// as settle the run. The clock is read under the lock: what is counted after it
// is due after it, or not measured.
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

// stop ends what is measured. It returns whether the run had ended by itself.
func (t *tally) stop(clock func() int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to = min(t.to, clock())
	if t.from != never {
		t.result.Seconds = time.Duration(t.to - t.from).Seconds()
	}
	return t.ended
}

// roll ends one interval and begins the next. The one that ended is kept by
// archive.
func (t *tally) roll(now int64, last bool) Interval {
	done := t.replace(now, last)
	shown := *done
	shown.Latency = hist.New()
	shown.Latency.Add(done.Latency)
	t.filled <- done
	return shown
}

// replace puts an empty interval in the place of the one that ended. Messages
// wait for the lock, so the histograms are made before it and added after it:
// either takes the time of many messages.
func (t *tally) replace(now int64, last bool) *Interval {
	next := &Interval{Latency: hist.New()}
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.second
	next.At = time.Duration(now - t.from).Seconds()
	done.Seconds, done.Conns = next.At-done.At, t.conns
	if t.second = next; last {
		t.second = nil
	}
	return done
}

// archive adds the intervals up until there are no more. It has a goroutine of
// its own, because it takes a millisecond for each.
func (t *tally) archive() {
	for done := range t.filled {
		t.result.Latency.Add(done.Latency)
		done.Latency.Fold()
		t.result.Intervals = append(t.result.Intervals, *done)
	}
}
