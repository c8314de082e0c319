package check

import "time"

var bulk = Rule{
	ID:       "stream/bulk",
	Networks: streams,
	Sends:    "64 MiB (--bulk), and reads at the same time",
	Expects:  "the same",
	Meaning:  "Under load, or far into a long stream, bytes are changed or lost, or nothing moves any more.",
	stage:    flood,
	extra:    func(o Options) time.Duration { return time.Duration(o.Bulk/leastRate) * time.Second },
	run:      runBulk,
}

// leastRate is the bytes a second below which bulk gives up: half a megabit.
const leastRate = 64 << 10

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
	took := time.Since(start)
	p.note("%s there and back, %s/s", size(p.Bulk), size(int64(float64(p.Bulk)/took.Seconds())))
	return nil
}
