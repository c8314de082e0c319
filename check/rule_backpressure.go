package check

import "time"

var backpressure = Rule{
	ID:       "stream/backpressure",
	Networks: streams,
	Sends:    "up to 192 MiB, and never reads",
	Expects:  "that the writer stalls",
	Meaning:  "Something on the path receives without limit what nobody reads: one client can use up its memory.",
	Causes: []Cause{
		{
			Text:   "reading continues although writing is blocked",
			Remedy: "stop reading while bytes are owed: flow control then stops the client",
		},
	},
	stage: stalled,
	run:   runBackpressure,
}

// backpressureStall is when the writer counts as stalled. It is long, because a pause
// that is mistaken for a stall would hide an unbounded buffer.
const backpressureStall = 1500 * time.Millisecond

func runBackpressure(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.abort()
	s.shrinkBuffer()
	n, stalled, err := s.fill(p.payload(0), p.Absorb, backpressureStall)
	switch {
	case err != nil && classify(err) == Reset:
		// A server that resets a stalled client limits its memory, too.
		p.setNote("%s absorbed, then the connection was reset", size(n))
		return nil
	case err != nil:
		return s.callError("sending", err)
	case !stalled:
		return fail(Unbounded, "%s were received while the client read nothing, and the writer never stalled", size(n))
	}
	p.setNote("%s absorbed, then the writer stalled", size(n))
	return nil
}
