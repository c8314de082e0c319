package check

import "time"

var bulk = Rule{
	ID:       "stream/bulk",
	Networks: streams,
	Sends:    "up to 64 MiB (--bulk) within 15 s, and reads at the same time",
	Expects:  "the same",
	Meaning:  "Under load, or far into a long stream, bytes are changed or lost, or the stream stops.",
	Causes: []Cause{
		{
			Classes:  []Class{Corrupt},
			Evidence: []Evidence{Changed},
			Text:     "a buffer that is reused too early, or memory or a network card that changes bits (checksum offload)",
			Remedy:   "run directly and through the path; turn the offloads off (ethtool -K IF rx off tx off) and run again",
		},
		{
			Classes:  []Class{Timeout},
			Evidence: []Evidence{NothingPassed},
			Meaning:  "A stream of which much is sent at once does not come back at all.",
			Text:     "packets of full size that are dropped (see stream/size-sweep), or a server that reads everything before it writes",
			Remedy:   "run stream/size-sweep; echo what was read before reading more",
		},
		{
			Classes: []Class{Timeout},
			Text:    "a deadlock: a loop that blocks in writing one direction does not read the other, and the other side does the same",
			Remedy:  "make the sockets non-blocking, or use one thread for each direction",
		},
		{
			Classes: []Class{Reset},
			Text:    "a NAT or firewall whose conntrack takes segments outside the window for INVALID, so that a host resets the connection; or a limit on the bytes or the duration of a connection",
			Remedy:  "drop INVALID packets instead of forwarding or rejecting them, or sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1; remove the limit, or keep --bulk below it",
		},
		{
			Classes: []Class{PrematureEOF},
			Text:    "a limit on the bytes or the duration of a connection",
			Remedy:  "remove the limit; if it is intended, keep --bulk below it",
		},
	},
	stage: flood,
	run:   runBulk,
}

// bulkTime is how long bulk compares what comes back.
const bulkTime = 15 * time.Second

func runBulk(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now()
	end := start.Add(bulkTime)
	if budget, ok := p.ctx.Deadline(); ok && budget.Add(-time.Second).Before(end) {
		end = budget.Add(-time.Second)
	}
	sent := make(chan error, 1)
	go func() { sent <- s.sendFrom(p.payload(0), int(p.Bulk)) }()
	back := p.payload(0)
	for s.received < p.Bulk && time.Now().Before(end) {
		if err := s.expect(back, int(min(p.Bulk-s.received, 64<<10))); err != nil {
			s.Close()
			return preferReset(err, <-sent)
		}
	}
	elapsed := time.Since(start)
	rate := size(int64(float64(s.received) / elapsed.Seconds()))
	if s.received < p.Bulk {
		s.abort()
		<-sent
		p.setNote("%s compared in %v, %s/s", size(s.received), elapsed.Round(time.Second), rate)
		return nil
	}
	p.setNote("%s there and back, %s/s", size(p.Bulk), rate)
	return <-sent
}
