package check

import (
	"fmt"
	"time"
)

// forgetsStalled is the cause if the stream does not continue when the client reads again.
var forgetsStalled = Cause{
	Classes: []Class{Timeout},
	Meaning: "After a pause of the client, the stream does not continue.",
	Text:    "the window update is not noticed, or not forwarded; or a firewall or NAT forgets a connection while the client reads nothing, and drops its packets then (conntrack: INVALID)",
	Remedy:  "check with tcpdump whether window updates and probes cross the path; increase the timeouts of what tracks connections (sysctl net.netfilter.nf_conntrack_tcp_timeout_established)",
}

var zeroWindow = Rule{
	ID:       "stream/zero-window",
	Networks: streams,
	Sends:    "without reading, until the writer has stalled for 10 s (--stall; with --long 60 s); then reads everything",
	Expects:  "all of it",
	Meaning:  "A client that pauses is disconnected, or its stream never continues: a suspended download is lost.",
	Causes: []Cause{
		{
			Classes: []Class{PrematureEOF, Reset},
			Text:    "a timeout on each write, or a limit on how long a window may stay closed (haproxy: timeout client; nginx: proxy_timeout)",
			Remedy:  "increase it beyond the pauses of clients",
		},
		forgetsStalled,
	},
	stage:     stalled,
	extraTime: func(o Options) time.Duration { return 2 * o.Stall },
	run:       runZeroWindow,
}

func runZeroWindow(p *probe) error {
	s, stalled, err := p.openOwed(p.Stall)
	if err != nil {
		return err
	}
	defer s.Close()
	if !stalled {
		p.pause(p.Stall)
	}
	owed, err := s.readOwed(p.payload(0))
	what := fmt.Sprintf("%s owed, nothing read for %v", size(owed), p.Stall)
	if err != nil {
		return inCase(what, err)
	}
	p.setNote("%s", what)
	return nil
}
