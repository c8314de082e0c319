package watch

import (
	"cmp"
	"slices"
	"time"
)

// DefaultDownAfter is how many lost probes in a row make an address down: fewer are
// a loss, and no outage. One answer ends it.
const DefaultDownAfter = 3

// An address that has gone up and down so often within that time flaps. No more
// is said of it until it has stayed as it is for as long as calm.
const (
	flapsAfter = 6
	flapsIn    = 10 * time.Minute
	calm       = 5 * time.Minute
)

// news is what there is to say about an address.
type news string

const (
	nothing news = ""
	isUp    news = "up"
	isDown  news = "down"
	flaps   news = "flaps"
	rests   news = "rests" // it does not flap any more
)

// outage is whether an address answers, as people want to be told it: not of each
// lost probe, and not of each change of one that changes all the time.
type outage struct {
	after     int // lost probes in a row; 0: DefaultDownAfter
	known, up bool
	lost      int           // probes in a row, while it is not down yet
	began     time.Time     // when the first of these was lost
	length    time.Duration // of the last outage that ended
	changes   []time.Time   // the last flapsAfter
	flaps     bool
	quiet     int // changes since it flaps
}

// probe takes what became of one, in the order in which it became known.
func (o *outage) probe(answered bool, at time.Time) news {
	switch {
	case o.known && answered == o.up:
		o.lost = 0
		return o.settle(at)
	case answered:
		return o.turn(true, at)
	}
	if o.lost++; o.lost == 1 {
		o.began = at
	}
	if o.lost < cmp.Or(o.after, DefaultDownAfter) {
		return nothing
	}
	return o.turn(false, at)
}

// turn makes it up or down, and tells of that unless it flaps.
func (o *outage) turn(up bool, at time.Time) news {
	if o.known {
		o.changes = append(o.changes, at)
	}
	if o.length = 0; o.known && up {
		o.length = at.Sub(o.began)
	}
	o.known, o.up, o.lost = true, up, 0
	if n := len(o.changes); n > flapsAfter {
		o.changes = slices.Delete(o.changes, 0, n-flapsAfter)
	}
	switch {
	case o.flaps:
		o.quiet++
		return nothing
	case len(o.changes) == flapsAfter && at.Sub(o.changes[0]) <= flapsIn:
		o.flaps, o.quiet = true, 0
		return flaps
	case up:
		return isUp
	}
	return isDown
}

// settle ends the flapping of one that has stayed as it is.
func (o *outage) settle(at time.Time) news {
	if !o.flaps || at.Sub(o.changes[len(o.changes)-1]) < calm {
		return nothing
	}
	o.flaps, o.changes = false, nil
	return rests
}
