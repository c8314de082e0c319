package check

import (
	"fmt"
	"time"
)

var zeroWindow = Rule{
	ID:       "stream/zero-window",
	Networks: streams,
	Sends:    "as much as is taken, and reads nothing for 10 s (--stall; with --long 60 s); then reads",
	Expects:  "all of it",
	Meaning:  "A client that pauses is cut off, or its stream never gets going again: whoever suspends a download loses it.",
	stage:    stalled,
	extra:    func(o Options) time.Duration { return 2 * o.Stall },
	run:      runZeroWindow,
}

func runZeroWindow(p *probe) error {
	s, owed, err := p.openOwed()
	if err != nil {
		return err
	}
	defer s.Close()
	p.pause(p.Stall)
	s.grow()
	if err := s.expect(p.payload(0), int(owed)); err != nil {
		return inCase(fmt.Sprintf("%s owed, nothing read for %v", size(owed), p.Stall), err)
	}
	p.note("%s owed, nothing read for %v", size(owed), p.Stall)
	return nil
}
