package watch

import (
	"maps"
	"math"
	"slices"
	"time"

	"echod/internal/dial"
)

// Snapshot is how all that is watched is doing at one moment.
type Snapshot struct {
	Started time.Time        // when Run began
	Targets []TargetSnapshot // in the order in which they were given
}

// TargetSnapshot is how one target is doing.
type TargetSnapshot struct {
	URL      string
	All      bool   // it is a name of which all addresses are asked
	Failures uint64 // look-ups of the name that failed
	Problem  string // why not all its addresses are known, or asked; "" if they are

	Addresses []AddressSnapshot
}

// AddressSnapshot is how one address is doing. Counts only grow while it is
// watched.
type AddressSnapshot struct {
	Address   string // host:port, or a path
	Known     bool   // whether it is up
	Up        bool   // it answers; false once so many probes in a row were lost as make it down
	Connected bool   // there is a connection, or a socket for datagrams; not known if each probe has its own

	Sent     uint64 // received and lost: what is under way is neither
	Received uint64
	Lost     map[dial.Class]uint64 // by one of Classes

	Times Times
	Last  time.Duration // of the last answer; 0 if there was none
	// Recent are the last 600 at most, in no order.
	Recent []time.Duration

	// Class, Err and Failed are of the last probe that was lost.
	Class  dial.Class
	Err    error
	Failed time.Time

	History []Bucket // of the last ten minutes, the oldest first; those without probes are missing
}

// Quantiles are of the recent answers, each part from 0 to 1 in turn; 0 if there
// are none.
func (a AddressSnapshot) Quantiles(parts ...float64) []time.Duration {
	sorted := slices.Sorted(slices.Values(a.Recent))
	all := make([]time.Duration, len(parts))
	for i, part := range parts {
		if n := len(sorted); n > 0 {
			all[i] = sorted[max(int(math.Ceil(part*float64(n)))-1, 0)] // the nearest rank
		}
	}
	return all
}

// LostTotal is the sum of all classes.
func (a AddressSnapshot) LostTotal() uint64 { return a.Sent - a.Received }

// Snapshot tells how all is doing. It may be called from any goroutine, before,
// while and after Run runs; then it is what was known at the end.
func (w *Watcher) Snapshot() Snapshot {
	w.mu.Lock()
	targets := slices.Clone(w.targets)
	s := Snapshot{Started: w.started}
	w.mu.Unlock()
	for _, t := range targets {
		s.Targets = append(s.Targets, t.snapshot())
	}
	return s
}

func (t *target) snapshot() TargetSnapshot {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := TargetSnapshot{URL: t.URL, All: t.All, Failures: t.failures, Problem: t.problem}
	for _, a := range t.asked {
		s.Addresses = append(s.Addresses, a.snapshot())
	}
	return s
}

func (a *address) snapshot() AddressSnapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state
	s.Address, s.Connected = a.name, a.connected
	s.Known, s.Up = a.outage.known, a.outage.up
	s.Lost = maps.Clone(a.lost)
	s.Recent = slices.Clone(a.history.last)
	s.History = a.history.all(time.Now())
	return s
}
