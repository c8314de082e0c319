package check

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Path is what the path carried at the start of the run. What the rules measure is
// compared with it. A zero is unknown.
type Path struct {
	RoundTrip time.Duration // from a byte that is sent to the same byte that comes back
	Rate      int64         // bytes a second, there and back
}

// String returns the line of the text report.
func (path Path) String() string {
	words := "round trip " + formatDuration(path.RoundTrip)
	if path.Rate > 0 {
		words += fmt.Sprintf(", %s/s", size(path.Rate))
	}
	return words
}

const (
	mostMeasure  = 15 * time.Second // the timeout, if it is not shorter
	measurements = 8
	measureTime  = 500 * time.Millisecond // no fourth exchange starts after it
	longMeasure  = 2 * time.Second        // no second or third one starts after it
	rateBytes    = 128 << 10              // what the rate is measured with: a second at 1 Mbit/s
	slowBytes    = 4 << 10                // the same, if they take longer than slowTime
	slowTime     = time.Second / 4
)

// measure measures the path on one connection, and takes the best of several exchanges:
// a busy machine makes some of them slow. It stops at the first error, which a rule will
// find again.
func measure(p *probe) (path Path) {
	s, err := p.open()
	if err != nil {
		return path
	}
	defer s.Close()
	out, back := p.payload(0), p.payload(0)
	for n, start := 0, time.Now(); measureMore(n, time.Since(start)); n++ {
		elapsed, err := timeExchange(s, out, back, 1)
		if err != nil {
			return path
		}
		if n == 0 || elapsed < path.RoundTrip {
			path.RoundTrip = elapsed
		}
	}
	// On a very slow path, rateBytes would take minutes, and delay what follows: they stay in
	// the queues of the path even if the connection is closed.
	slow := true
	for n, start := 0, time.Now(); slow && measureMore(n, time.Since(start)); n++ {
		elapsed, err := timeExchange(s, out, back, slowBytes)
		if err != nil {
			return path
		}
		elapsed -= path.RoundTrip
		if slow = elapsed > max(slowTime, path.RoundTrip/4); slow {
			path.Rate = max(path.Rate, int64(slowBytes/elapsed.Seconds()))
		}
	}
	if slow {
		return path
	}
	path.Rate = 0
	for n, start := 0, time.Now(); measureMore(n, time.Since(start)); n++ {
		elapsed, err := timeExchange(s, out, back, rateBytes)
		if err != nil {
			return path
		}
		// The first byte takes a round trip. A busy machine can make that the whole time.
		elapsed = max(elapsed-path.RoundTrip, elapsed/8)
		path.Rate = max(path.Rate, int64(rateBytes/elapsed.Seconds()))
	}
	return path
}

// measureMore reports whether another exchange follows n exchanges. A single one that a busy
// machine delays is no measurement of the path.
func measureMore(n int, elapsed time.Duration) bool {
	switch {
	case n == 0:
		return true
	case n < 3:
		return elapsed < longMeasure
	}
	return n < measurements && elapsed < measureTime
}

// measureProbe returns the probe of a measurement.
func (r *runner) measureProbe(ctx context.Context) *probe {
	p := &probe{ctx: ctx, rule: "measure", target: r.target, pinned: r.pinned, Options: r.options}
	p.Timeout = min(p.Timeout, mostMeasure)
	return p
}

// measureAgain measures a slow path again, and keeps the better result: the machine may have
// been busy. A rule that sends too little for the path does not detect what it looks for.
func (r *runner) measureAgain(ctx context.Context) {
	if r.path.Rate == 0 || r.path.Rate >= fastRate {
		return
	}
	again := measure(r.measureProbe(ctx))
	r.path.Rate = max(r.path.Rate, again.Rate)
	if again.RoundTrip > 0 {
		r.path.RoundTrip = min(r.path.RoundTrip, again.RoundTrip)
	}
}

func timeExchange(s *stream, out, back io.Reader, n int) (time.Duration, error) {
	start := time.Now()
	err := s.exchange(out, back, n)
	return max(time.Since(start), time.Microsecond), err
}

// carries returns how many bytes the path carries in d, but not less than low and not more
// than high. It returns high if the rate is unknown.
func (path Path) carries(d time.Duration, low, high int64) int64 {
	if path.Rate == 0 {
		return high
	}
	return min(max(int64(float64(path.Rate)*d.Seconds()), low), high)
}
