// Package clock reads the clock of the system so that a step of it does not disturb a
// measurement.
package clock

import "time"

// Clock counts time evenly from a start: it is never set. It is as fast as the monotonic clock
// of the system (clock_gettime(2), CLOCK_MONOTONIC). Its methods may be called from any
// goroutine.
type Clock struct {
	start int64 // when it started, in Unix nanoseconds
	read  func() (wall, elapsed int64)
}

// New returns a Clock that starts now, at the time of the system.
func New() *Clock {
	start := time.Now()
	return newClock(start.UnixNano(), func() (wall, elapsed int64) {
		now := readTogether()
		return now.UnixNano(), int64(now.Sub(start))
	})
}

func newClock(start int64, read func() (wall, elapsed int64)) *Clock { return &Clock{start, read} }

// Now returns the time of c in Unix nanoseconds. Stepped is how far the clock of the system is
// ahead of it, because it was set since the start.
func (c *Clock) Now() (at int64, stepped time.Duration) {
	wall, elapsed := c.read()
	return c.start + elapsed, time.Duration(wall - elapsed - c.start)
}

// maxGap is how much time may pass while the two clocks of the system are read.
const maxGap = 50 * time.Microsecond

// readTogether returns the time of both clocks. A goroutine that loses its CPU between them
// would see a step, so it reads again, a few times.
func readTogether() time.Time {
	before := time.Now()
	for range 4 {
		now := time.Now()
		if now.Sub(before) <= maxGap {
			return now
		}
		before = now
	}
	return time.Now()
}
