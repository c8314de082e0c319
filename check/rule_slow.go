package check

import "time"

var backpressure = Rule{
	ID:       "stream/backpressure",
	Networks: streams,
	Sends:    "as much as is taken, and never reads",
	Expects:  "that the writer stalls",
	Meaning:  "Something on the way takes in without bound what nobody reads: one client can use up its memory.",
	stage:    stalled,
	run:      runBackpressure,
}

// stall is when a writer is believed to have come to rest. It is long, because
// a standstill that is none would hide an unbounded buffer.
const stall = 1500 * time.Millisecond

func runBackpressure(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.abort()
	s.shrink()
	taken, stood, err := s.fill(p.payload(0), p.Absorb, stall)
	switch {
	case err != nil && classify(err) == Reset:
		// Who cuts off a client that does not read keeps a bound, too.
		p.note("%s absorbed, then the connection was reset", size(taken))
		return nil
	case err != nil:
		return s.broken("sending", err)
	case !stood:
		return fail(Unbounded, "%s were taken in while nothing was read, and there was no end to it", size(taken))
	}
	p.note("%s absorbed, then the writer stalled", size(taken))
	return nil
}

var slowReader = Rule{
	ID:       "stream/slow-reader",
	Networks: streams,
	Sends:    "as much as is taken; then reads 1 KiB/s for 3 s, and the rest at once",
	Expects:  "all of it",
	Meaning:  "A client that reads slowly is cut off: a write timeout that counts time instead of progress.",
	stage:    stalled,
	run:      runSlowReader,
}

func runSlowReader(p *probe) error {
	s, owed, err := p.openOwed()
	if err != nil {
		return err
	}
	defer s.Close()
	back := p.payload(0)
	const sips, sip = 12, 256
	for range sips {
		if err := s.expect(back, sip); err != nil {
			return err
		}
		p.pause(250 * time.Millisecond)
	}
	p.note("%s owed to the slow reader", size(owed))
	s.grow()
	return s.expect(back, int(owed)-sips*sip)
}

// openOwed opens a stream and sends as much of the first payload as is taken
// without reading: so many bytes are owed then.
func (p *probe) openOwed() (s *stream, owed int64, err error) {
	if s, err = p.open(); err != nil {
		return nil, 0, err
	}
	s.shrink()
	if owed, _, err = s.fill(p.payload(0), mostOwed, standstill); err != nil {
		s.Close()
		return nil, 0, s.broken("sending", err)
	}
	return s, owed, nil
}
