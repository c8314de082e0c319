package watch

import "time"

// Bounds are the upper ends of the classes in which round trips are counted, from
// what a loopback needs to what a satellite does. Longer ones have a class of
// their own.
var Bounds = [...]time.Duration{
	20 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 200 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond,
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
}

// Times counts round trips by their length, for as long as the address is
// watched.
type Times struct {
	Counts [len(Bounds) + 1]uint64
	Sum    time.Duration
}

func (t *Times) add(d time.Duration) {
	i := 0
	for i < len(Bounds) && d > Bounds[i] {
		i++
	}
	t.Counts[i]++
	t.Sum += d
}
