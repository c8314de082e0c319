package load

// schedule says when the messages of an open loop are due: the i-th at i/rate
// after the start, whatever became of the others.
type schedule struct {
	begin int64   // ns on the run's clock
	every float64 // ns between two messages; 0 in a closed loop
	next  int64   // the number of the next message
}

func (s *schedule) start(now int64, rate float64) {
	s.begin = now
	if rate > 0 {
		s.every = 1e9 / rate
	}
}

// due is when the next message is due.
func (s *schedule) due() int64 { return s.at(s.next) }

// at is when the i-th message is due.
func (s *schedule) at(i int64) int64 { return s.begin + int64(float64(i)*s.every) }

// count is how many messages are due from one moment until another.
func (s *schedule) count(from, to int64) int64 { return s.first(to) - s.first(from) }

// first is the number of the first message that is due at that moment or later.
func (s *schedule) first(moment int64) int64 {
	i := max(int64(float64(moment-s.begin)/s.every)-1, 0)
	for s.at(i) < moment {
		i++
	}
	return i
}

// take is the next message, if it is due: its number and its moment.
func (s *schedule) take(now int64) (i, due int64, ok bool) {
	if due = s.due(); due > now {
		return 0, 0, false
	}
	s.next++
	return s.next - 1, due, true
}
