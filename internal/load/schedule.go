package load

import (
	"math"
	"sync/atomic"
	"time"
)

// schedule says when the messages of an open loop are due: message i is due when the rate
// since the start adds up to i, and to the phase. It does not depend on the other messages. Those
// that are not in the share are for other threads.
type schedule struct {
	begin int64 // ns on the clock of the run
	rate  Rate
	phase float64 // of a message, from 0 and below 1
	share share
	next  int64 // the number of the next message of the share

	end atomic.Int64 // no message is due at that time or later; any goroutine may set it
}

func (s *schedule) start(now int64, rate Rate) {
	s.begin, s.rate, s.next = now, rate, s.share.after(0)
	s.end.Store(never)
}

// due returns when the next message is due; never if there are no more.
func (s *schedule) due() int64 {
	if due := s.at(s.next); due < s.end.Load() {
		return due
	}
	return never
}

// at returns when message i is due; never if the stages have fewer messages.
func (s *schedule) at(i int64) int64 {
	begin, n := s.begin, float64(i)+s.phase
	for _, stage := range s.rate.stages {
		if total := stage.total(); n > total-rounding {
			begin, n = begin+int64(stage.length), max(0, n-total)
			continue
		}
		if wait := stage.after(n) * 1e9; wait < float64(never-begin) {
			return begin + int64(math.Round(wait)) // shares of a rate have the same instants as the whole
		}
		return never
	}
	return never
}

// rounding is less than a message, and more than the error of the floating-point numbers in a
// stage: a message at the very end of a stage belongs to the next one.
const rounding = 1e-6

// count returns how many messages of the share are due within [from, to).
func (s *schedule) count(from, to int64) int64 {
	return s.share.before(s.first(to)) - s.share.before(s.first(from))
}

// first returns the number of the first message that is due at that time or later.
func (s *schedule) first(time int64) int64 {
	begin, before := s.begin, 0.0
	for _, stage := range s.rate.stages {
		left := time - begin
		if stage.length == 0 || left < int64(stage.length) {
			before += stage.messages(max(0, float64(left)/1e9))
			break
		}
		begin, before = begin+int64(stage.length), before+stage.total()
	}
	i := max(int64(before)-1, 0)
	for s.at(i) < time {
		i++
	}
	return i
}

// pop removes the next message of the share if it is due. It returns its number and when it was
// due.
func (s *schedule) pop(now int64) (i, due int64, ok bool) {
	if due = s.due(); due > now {
		return 0, 0, false
	}
	i, s.next = s.next, s.share.after(s.next+1)
	return i, due, true
}

// backoff returns how long to wait before the next attempt: 10 ms, and twice as long
// after each further failure, up to a second.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, 10*time.Millisecond), time.Second)
	return b.last
}
