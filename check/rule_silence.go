package check

import "time"

// quiet is how long nothing must happen. It is short of what any timeout on an
// idle stream may reasonably be.
const quiet = time.Second

var noUnsolicited = Rule{
	ID:       "stream/no-unsolicited",
	Networks: streams,
	Sends:    "nothing",
	Expects:  "nothing",
	Meaning:  "Something speaks before it is spoken to: a banner, or a header put in front of the stream.",
	run:      runNoUnsolicited,
}

func runNoUnsolicited(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	return s.expectSilence(quiet)
}

var noEarlyFin = Rule{
	ID:       "stream/no-early-fin",
	Networks: streams,
	Sends:    "a few bytes, then nothing for a second",
	Expects:  "the bytes, and a stream that stays open",
	Meaning:  "The server ends the stream before the client has: whatever the client sends next is lost.",
	run:      runNoEarlyFin,
}

func runNoEarlyFin(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.exchange(p.payload(0), p.payload(0), 64); err != nil {
		return err
	}
	return s.expectSilence(quiet)
}
