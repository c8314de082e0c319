package watch

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"echod/internal/dial"
)

// Snapshot is the state of all targets at one moment.
type Snapshot struct {
	Started time.Time        // when Run began
	Targets []TargetSnapshot // in the order in which they were given

	RejectedLists uint64            // new lists of targets that were invalid
	Outdated      bool              // the last list was, and the one before is in use
	Calls         map[string]uint64 // of Config.OnChange, by one of CallResults
}

// TargetSnapshot is the state of one target.
type TargetSnapshot struct {
	URL      string
	Labels   map[string]string  // must not be changed
	All      bool               // whether all addresses of the name are monitored
	Failures map[Failure]uint64 // failed look-ups of the name, by one of Failures
	Problem  string             // why not all its addresses are known or monitored; "" if they are

	Addresses []AddressSnapshot
}

// AddressSnapshot is the state of one address. Counts grow as long as it is monitored.
type AddressSnapshot struct {
	Address   string // host:port, or a path
	Resolved  bool   // the last answer of the resolver has it; true for a target that is not looked up
	Known     bool   // whether Up is known
	Up        bool   // it answers; false after Config.DownAfter consecutive lost probes
	Connected bool   // there is a connection, or a socket for datagrams; undefined with Config.Reconnect

	Sent     uint64 // received or lost; probes in flight do not count
	Received uint64
	Lost     map[dial.Class]uint64 // by one of Classes

	Late       uint64 // of the lost ones, those answered later
	Duplicated uint64 // further answers to a probe
	Reordered  uint64 // answers that arrived after the answer to a later probe
	Foreign    uint64 // received, but no answers
	Paused     uint64 // probes that were due or in flight while this process did not run: neither received nor lost
	Moved      uint64 // times that the connection followed the name to another address
	Stale      uint64 // times that a new socket was answered, and the old one to the same address was not

	Connecting Connecting // with Config.Reconnect, except its Retransmits

	Times Times
	Last  time.Duration // round trip of the last answer; 0 if there was none
	// Recent are the last round trips, at most 600, in no order.
	Recent []time.Duration

	// Class, Err and Failed are those of the last lost probe.
	Class  dial.Class
	Err    error
	Failed time.Time

	History []Bucket // of the last ten minutes, oldest first; empty buckets are omitted
}

// Quantiles returns quantiles of the recent round trips, one for each part from 0 to 1.
// They are 0 if there are no round trips.
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

// FailedLookups returns the failed look-ups of all kinds.
func (t TargetSnapshot) FailedLookups() (n uint64) {
	for _, failed := range t.Failures {
		n += failed
	}
	return n
}

// Besides returns in words what there was besides answers and losses, e.g. 3 late, 1 stale.
func (a AddressSnapshot) Besides() string {
	var words []string
	for _, of := range []struct {
		n    uint64
		name string
	}{
		{a.Late, "late"}, {a.Duplicated, "duplicated"}, {a.Reordered, "reordered"}, {a.Foreign, "foreign"},
		{a.Paused, "paused"}, {a.Moved, "moved"}, {a.Stale, "stale"}, {a.Connecting.Retransmits, "SYN sent again"},
	} {
		if of.n > 0 {
			words = append(words, fmt.Sprint(of.n, " ", of.name))
		}
	}
	return strings.Join(words, ", ")
}

// LostTotal returns the lost probes of all classes.
func (a AddressSnapshot) LostTotal() uint64 { return a.Sent - a.Received }

// Snapshot returns the state of all targets. It may be called from any goroutine,
// before, during and after Run. After Run it is the state at the end.
func (w *Watcher) Snapshot() Snapshot {
	w.mu.Lock()
	monitors := slices.Clone(w.monitors)
	s := Snapshot{Started: w.started, RejectedLists: w.rejected, Outdated: w.outdated, Calls: w.caller.counts()}
	w.mu.Unlock()
	for _, m := range monitors {
		s.Targets = append(s.Targets, m.snapshot())
	}
	return s
}

func (m *monitor) snapshot() TargetSnapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := TargetSnapshot{URL: m.URL, Labels: m.labels, All: m.All, Failures: maps.Clone(m.failures), Problem: m.problem}
	for _, a := range m.addresses {
		of := a.snapshot()
		of.Resolved = m.isListed(a.name)
		s.Addresses = append(s.Addresses, of)
	}
	return s
}

// isListed reports whether the last answer of the resolver has the address.
func (m *monitor) isListed(name string) bool {
	return slices.ContainsFunc(m.families, func(f *family) bool {
		missing, member := f.members[name]
		return member && missing == 0
	})
}

func (a *address) snapshot() AddressSnapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state
	s.Address, s.Connected = a.name, a.connected
	s.Known, s.Up = a.outage.known, a.outage.up
	s.Lost = maps.Clone(a.lost)
	s.Recent = slices.Clone(a.history.recent)
	s.History = a.history.all(time.Now())
	return s
}
