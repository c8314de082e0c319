package ping

import "time"

// stream knows where in the answers to its probes a stream is, with the I/O left
// out. An answer that is late has to be read like any other before the next one
// begins: so the stream stays in step.
type stream struct {
	owed  []*flight // in the order in which they were sent
	got   int       // bytes of the first one's answer
	began time.Time // when the first of these came
}

// take reads p, which came at that time, as far as the end of one answer, which
// has to be owed. It returns what is left of p, and the probe if its answer is
// whole.
func (s *stream) take(p []byte, at time.Time, known *session) (rest []byte, whole *flight, wrong *WrongError) {
	f := s.owed[0]
	if s.got == 0 {
		s.began = at
	}
	part := p[:min(len(p), known.size-s.got)]
	if wrong := known.compare(part, f.seq, f.stamp, s.got); wrong != nil {
		return nil, nil, wrong
	}
	s.got += len(part)
	if s.got < known.size {
		return nil, nil, nil
	}
	f.phases.FirstByte = s.began.Sub(f.sent)
	s.owed, s.got = s.owed[1:], 0
	return p[len(part):], f, nil
}
