package load

import (
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
	due      int64 // messages that were due while measured …
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
		t.result.Lateness = hist.New()
	}
	if p.Target.Network == "udp" {
		t.result.Datagrams = new(Datagrams)
	} else {
		t.result.Connect = hist.New()
	}
	return t
}

// measured tells whether what was due at one moment, and happened at another,
// belongs to the result.
func (t *tally) measured(due, now int64) bool {
	if t.byDue {
		return due >= t.from && due < t.to
	}
	return now >= t.from && now < t.to
}

// left counts a message that was handed to the socket, or is next to be.
func (t *tally) left(due, now int64, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.measured(due, now) {
		return
	}
	t.result.Sent++
	t.enlist(due)
	t.result.BytesOut += int64(size)
	if t.result.Lateness != nil {
		t.result.Lateness.Record(time.Duration(now - due))
	}
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

// failed counts a message, or a connection that had none under way, that came to
// nothing.
func (t *tally) failed(due, now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fail(due, now, class)
}

// gone counts what a connection has taken with it: the messages under way, or
// itself if there were none.
func (t *tally) gone(now int64, class dial.Class, pending *queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if pending.len() == 0 {
		t.fail(now, now, class)
	}
	for m, ok := pending.front(); ok; m, ok = pending.front() {
		pending.pop()
		t.fail(m.due, now, class)
	}
}

// missed counts a message that had no connection to leave by.
func (t *tally) missed(due, now int64, class dial.Class) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.measured(due, now) {
		t.enlist(due)
		t.fail(due, now, class)
	}
}

func (t *tally) fail(due, now int64, class dial.Class) {
	if !t.measured(due, now) {
		return
	}
	t.result.Errors[class]++
	if t.second != nil {
		t.second.Errors++
	}
	t.settle()
}

// enlist counts a message that was due. When these are all, what is scheduled
// later does not count.
func (t *tally) enlist(due int64) {
	if t.due++; t.byDue && t.due == t.messages {
		t.to = due + 1
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

// connected counts a connection that was made, whenever that was.
func (t *tally) connected(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns++
	t.result.Connect.Record(took)
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

// settledAll tells whether every message that was due while measured is back, or
// never will be.
func (t *tally) settledAll(s *schedule) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled >= s.count(t.from, t.to)
}

// begin starts to measure, until stop.
func (t *tally) begin(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.from = now
	t.result.Started = time.Now()
	t.second = &Interval{Latency: hist.New()}
}

// stop ends what is measured.
func (t *tally) stop(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.to = min(t.to, now)
	if t.from != never {
		t.result.Seconds = time.Duration(t.to - t.from).Seconds()
	}
}

// roll ends one interval and begins the next. The one that ended is kept by
// archive.
func (t *tally) roll(now int64, last bool) Interval {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := t.second
	done.Seconds = time.Duration(now-t.from).Seconds() - done.At
	done.Conns = t.conns
	if t.second = nil; !last {
		t.second = &Interval{At: time.Duration(now - t.from).Seconds(), Latency: hist.New()}
	}
	shown := *done
	shown.Latency = hist.New()
	shown.Latency.Add(done.Latency)
	t.filled <- done
	return shown
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
