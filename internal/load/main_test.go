package load

import (
	"context"
	"flag"
	"net"
	"os"
	"testing"
)

// TestMain runs more tests side by side than there are processors: most of their time is
// spent waiting.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "12")
	os.Exit(m.Run())
}

// runWith carries out p with these drivers.
func runWith(ctx context.Context, p Plan, observe func(Progress), make func(*run) (driver, error)) (*Result, error) {
	return runHeld(ctx, p, Hold{}, observe, make)
}

// newRun returns the run of the first thread of p.
func newRun(p Plan, peers []net.Addr) *run { return newRuns(p, peers)[0] }

// only returns the threads of a run with this tally only.
func only(tl account) *threads {
	return &threads{runs: []*run{{Plan: tl.plan, tally: tl}}, finished: make(chan *Interval, 16)}
}

// stopTally ends the measurement of a run with this tally only.
func stopTally(tl account, now int64, s *schedule) {
	t := only(tl)
	own := &t.runs[0].schedule
	own.begin, own.rate, own.phase, own.next = s.begin, s.rate, s.phase, s.next
	t.stop(now)
	s.end.Store(tl.to)
}
