package watch

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
)

// Other is the class of a lost probe whose reason has no class of its own.
const Other dial.Class = "other"

// Classes returns all classes of lost probes.
func Classes() []dial.Class {
	return []dial.Class{dial.Timeout, dial.Refused, dial.Reset, dial.PrematureEOF, dial.Unreachable, dial.DNS, dial.TLS, dial.Local, dial.TooLong, dial.Corrupt, ping.NotSent, Other}
}

// classOf returns one of Classes.
func classOf(p ping.Probe) dial.Class {
	if slices.Contains(Classes(), p.Class) {
		return p.Class
	}
	return Other
}

// hints say what to do about losses whose reason is here, by class.
var hints = map[dial.Class]string{
	dial.Local:   "this machine lacks ports (sysctl net.ipv4.ip_local_port_range), open files or a permission",
	dial.TooLong: "use a smaller --size, or omit --pmtudisc",
	ping.NotSent: "too many earlier probes are in flight: use a longer interval or a shorter timeout",
}

// address is an address that is monitored, and its results.
type address struct {
	name string
	log  *slog.Logger
	stop context.CancelFunc
	// changed is called for each transition, and must not block. It completes it. Nil: not.
	changed func(Transition)
	sampled *sampled // nil: it is probed in each interval

	mu        sync.Mutex
	state     AddressSnapshot // without what the other fields have
	lost      map[dial.Class]uint64
	outage    outage
	history   history
	connected bool
}

func newAddress(name string, origin time.Time, downAfter int, log *slog.Logger) *address {
	return &address{
		name: name, log: log.With(slog.String("address", name)),
		lost: make(map[dial.Class]uint64), outage: outage{after: downAfter}, history: history{origin: origin},
	}
}

// probe handles an event of a probe. It is called by one goroutine, in the order of the
// events.
func (a *address) probe(p ping.Probe) {
	if p.Fate != ping.Answered && p.Fate != ping.Lost {
		a.countOther(p) // e.g. a duplicate: the probe has been counted
		return
	}
	o := &a.outage // only this goroutine changes it
	known, wasUp := o.known, o.up
	change := a.count(p)
	if t, ok := o.transition(known, wasUp, p.At); ok && a.changed != nil {
		a.changed(t)
	}
	switch {
	case change == up && o.length == 0:
		a.log.Info("target up", slog.Duration("rtt", p.RTT))
	case change == up:
		a.log.Info("target up again", slog.Duration("was_down", o.length.Round(time.Millisecond)))
	case change == down:
		a.warn("target down", p)
	case change == flapping:
		a.log.Warn("target flaps, its changes are not logged until it is stable", slog.Int("changes", flapChanges), slog.Duration("in", flapTime))
	case change == blocked:
		a.warn("probes cannot be sent, the state of the address is kept", p)
	case change == stable:
		a.log.Info("target is stable again", slog.Bool("up", o.up), slog.Int("changes", o.unlogged))
	}
}

// warn logs why p was lost.
func (a *address) warn(message string, p ping.Probe) {
	words := []any{slog.String("class", string(classOf(p))), slog.Any("error", p.Err)}
	if hint := hints[classOf(p)]; hint != "" {
		words = append(words, slog.String("hint", hint))
	}
	a.log.Warn(message, words...)
}

// countOther counts what was received besides the answers in time.
func (a *address) countOther(p ping.Probe) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.state
	switch p.Fate {
	case ping.Late:
		s.Late++
	case ping.Duplicated:
		s.Duplicated++
	case ping.Foreign:
		s.Foreign++
	}
	if p.Reordered {
		s.Reordered++
	}
}

// pause counts a pause of this process.
func (a *address) pause(p ping.Pause) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Paused += uint64(p.Probes)
}

// count counts a probe that was answered or lost.
func (a *address) count(p ping.Probe) change {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, answered := &a.state, p.Fate == ping.Answered
	s.Sent++
	if answered {
		s.Received++
		s.Last = p.RTT
		s.Times.add(p.RTT)
		a.history.answer(p.RTT)
	} else {
		a.lost[classOf(p)]++
		s.Class, s.Err, s.Failed = classOf(p), p.Err, p.At
	}
	if p.Reordered {
		s.Reordered++
	}
	sent := p.Sent
	if sent.IsZero() {
		sent = p.At // there was no connection
	} else {
		s.Connecting.add(p.Phases)
	}
	a.history.probe(sent, answered, p.RTT)
	if !answered && (classOf(p) == dial.Local || classOf(p) == ping.NotSent) {
		return a.outage.notAsked(p.At)
	}
	if p.SameFailure {
		return noChange // its failure has been counted
	}
	return a.outage.probe(answered, p.At)
}

// conn handles an event of the connection.
func (a *address) conn(e ping.ConnEvent) {
	a.mu.Lock()
	a.connected = e.Up
	a.state.Connecting.Retransmits += uint64(e.Phases.Retransmits)
	if e.From != "" {
		a.state.Moved++
	}
	if e.Stale {
		a.state.Stale++
	}
	a.mu.Unlock()
	if n := e.Phases.Retransmits; n > 0 {
		a.log.Warn("SYNs were lost, the connect took long", slog.Int64("syns", n), slog.Duration("connect", e.Phases.Connect))
	}
	switch {
	case e.From != "":
		a.log.Info("the name has another address", slog.String("from", e.From), slog.String("to", e.Addr))
	case e.Stale:
		a.log.Warn("a new flow is answered: the old one's mapping was stale", slog.String("to", e.Addr))
	}
	if e.Up {
		a.log.Debug("connected", slog.Duration("connect", e.Phases.Connect))
		return
	}
	a.log.Debug("not connected", slog.String("class", string(e.Class)), slog.Any("error", e.Err))
}

// DefaultDownAfter is how many consecutive lost probes make an address down. Fewer are a
// loss but no outage. One answer ends an outage. As many make ping try a new socket.
const DefaultDownAfter = ping.DefaultRenewAfter

// An address that has gone up and down flapChanges times within flapTime flaps. Its
// changes are not logged until there was none for stableTime.
const (
	flapChanges = 6
	flapTime    = 10 * time.Minute
	stableTime  = 5 * time.Minute
)

// change is a change of an address that is logged.
type change string

const (
	noChange change = ""
	up       change = "up"
	down     change = "down"
	flapping change = "flapping" // it starts to flap
	stable   change = "stable"   // it flaps no longer
	blocked  change = "blocked"  // this machine cannot send probes
)

// outage knows whether an address is up, and which changes are worth a log line: no
// single lost probe, and not each change of an address that flaps. It does no I/O.
type outage struct {
	after     int // consecutive lost probes that make the address down
	known, up bool
	lost      int           // consecutive lost probes, while the address is not down
	start     time.Time     // of the first of these
	length    time.Duration // of the last outage that ended
	changes   []time.Time   // the last flapChanges
	flapping  bool
	unlogged  int       // changes while it flaps
	blocked   time.Time // when it was last logged that probes cannot be sent
}

// notAsked counts a probe that this machine could not send. It says nothing about the
// address. That is logged at most once in stableTime.
func (o *outage) notAsked(at time.Time) change {
	if !o.blocked.IsZero() && at.Sub(o.blocked) < stableTime {
		return noChange
	}
	o.blocked = at
	return blocked
}

// probe counts a probe, in the order of the events, and returns what is to be logged.
func (o *outage) probe(answered bool, at time.Time) change {
	switch {
	case o.known && answered == o.up:
		o.lost = 0
		if o.flapping && at.Sub(o.changes[len(o.changes)-1]) >= stableTime {
			o.flapping, o.changes = false, nil
			return stable
		}
		return noChange
	case answered:
		return o.set(true, at)
	}
	if o.lost++; o.lost == 1 {
		o.start = at
	}
	if o.lost < o.after {
		return noChange
	}
	return o.set(false, at)
}

// set makes the address up or down, and returns what is to be logged.
func (o *outage) set(isUp bool, at time.Time) change {
	if o.known {
		o.changes = append(o.changes, at)
	}
	if o.length = 0; o.known && isUp {
		o.length = at.Sub(o.start)
	}
	o.known, o.up, o.lost = true, isUp, 0
	if n := len(o.changes); n > flapChanges {
		o.changes = slices.Delete(o.changes, 0, n-flapChanges)
	}
	switch {
	case o.flapping:
		o.unlogged++
		return noChange
	case len(o.changes) == flapChanges && at.Sub(o.changes[0]) <= flapTime:
		o.flapping, o.unlogged = true, 0
		return flapping
	case isUp:
		return up
	}
	return down
}
