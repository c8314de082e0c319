package check

import "time"

var slowReader = Rule{
	ID:       "stream/slow-reader",
	Networks: streams,
	Sends:    "without reading, until the writer stalls; then reads 1 KiB/s for 3 s and writes on, and reads the rest at once",
	Expects:  "all of it",
	Meaning:  "A client that reads slowly is disconnected: a write timeout measures time instead of progress.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a timeout on each write or on the whole connection",
			Remedy:  "restart the timeout with each byte that moves, and increase it",
		},
		forgetsStalled,
	},
	stage: stalled,
	run:   runSlowReader,
}

func runSlowReader(p *probe) error {
	s, _, err := p.openOwed(p.standstill())
	if err != nil {
		return err
	}
	defer s.Close()
	back := p.payload(0)
	const reads, perRead = 12, 256
	for range reads {
		if err := s.expect(back, perRead); err != nil {
			owed, sent := s.stopFill()
			return preferReset(about(owed, err), sent)
		}
		p.pause(250 * time.Millisecond)
	}
	owed, err := s.readOwed(back)
	p.setNote("%s owed to the slow reader", size(owed))
	return err
}
