package check

import "time"

var bulk = Rule{
	ID:       "stream/bulk",
	Networks: streams,
	Sends:    "up to 512 MiB within 15 s (--bulk), and reads at the same time; the first part in messages of odd sizes of which few are under way, the rest in writes of odd sizes",
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

func runBulk(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now()
	end := start.Add(p.BulkTime)
	if budget, ok := p.ctx.Deadline(); ok && budget.Add(-time.Second).Before(end) {
		end = budget.Add(-time.Second)
	}
	out, back, sizes := p.payload(0), p.payload(0), p.oddSizes()
	busy, err := s.exchangeBusy(sizes, out, back, min(p.Bulk/2, busyBytes), p.BulkTime/10)
	if err != nil {
		return about(p.Bulk, err)
	}
	sent := make(chan error, 1)
	go func() { sent <- s.sendOdd(sizes, out, p.Bulk-busy) }()
	piece := p.path.carries(time.Second/4, 1<<10, 1<<20) // on a slow path, it must not take until the end
	for s.received < p.Bulk && time.Now().Before(end) {
		if err := s.expect(back, int(min(p.Bulk-s.received, piece))); err != nil {
			s.Close()
			return preferReset(err, <-sent)
		}
	}
	p.compared = s.received
	elapsed := time.Since(start)
	p.setNote("%s compared in %v, %s/s", size(s.received), elapsed.Round(100*time.Millisecond), size(int64(float64(s.received)/elapsed.Seconds())))
	if s.received < p.Bulk {
		s.abort()
		<-sent
		return nil
	}
	return <-sent
}
