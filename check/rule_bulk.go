package check

import "time"

var bulk = Rule{
	ID:       "stream/bulk",
	Networks: streams,
	Sends:    "64 MiB (--bulk), and reads at the same time",
	Expects:  "the same",
	Meaning:  "Under load, or far into a long stream, bytes are changed or lost, or the stream stops.",
	Causes: []Cause{
		{[]Class{Corrupt, ExtraBytes},
			"a buffer that is reused too early, or memory or a network card that changes bits (checksum offload)",
			"run directly and through the path; turn the offloads off (ethtool -K IF rx off tx off) and run again"},
		{[]Class{Timeout},
			"a deadlock: a loop that blocks in writing one direction does not read the other, and the other side does the same",
			"make the sockets non-blocking, or use one thread for each direction"},
		{[]Class{PrematureEOF, Reset},
			"a limit on the bytes or the duration of a connection",
			"remove the limit; if it is intended, keep --bulk below it"},
	},
	stage:     flood,
	extraTime: func(o Options) time.Duration { return time.Duration(o.Bulk/minBulkRate) * time.Second },
	run:       runBulk,
}

// minBulkRate is the rate in bytes a second below which bulk gives up: half a megabit.
const minBulkRate = 64 << 10

func runBulk(p *probe) error {
	s, err := p.open()
	if err != nil {
		return err
	}
	defer s.Close()
	start := time.Now()
	if err := s.exchange(p.payload(0), p.payload(0), int(p.Bulk)); err != nil {
		return err
	}
	elapsed := time.Since(start)
	p.setNote("%s there and back, %s/s", size(p.Bulk), size(int64(float64(p.Bulk)/elapsed.Seconds())))
	return nil
}
