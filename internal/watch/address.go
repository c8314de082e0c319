package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"echod/internal/dial"
	"echod/internal/ping"
)

// address is one that is asked, and all that is known of it.
type address struct {
	name string
	log  *slog.Logger
	stop context.CancelFunc

	mu        sync.Mutex
	state     AddressSnapshot // but for what the others hold
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

// probe takes what became of one. It is told by one goroutine, in order.
func (a *address) probe(p ping.Probe) {
	if p.Fate != ping.Answered && p.Fate != ping.Lost {
		return // a duplicate, say: what became of that probe is known
	}
	if told := a.count(p); told != nothing {
		a.tell(told, p)
	}
}

func (a *address) count(p ping.Probe) news {
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
	left := p.Sent
	if left.IsZero() {
		left = p.At // it could not leave
	}
	a.history.probe(left, answered, p.RTT)
	return a.outage.probe(answered, p.At)
}

// tell logs what people want to know. Only the goroutine that counts gets here, so
// outage does not change meanwhile.
func (a *address) tell(told news, p ping.Probe) {
	o := &a.outage
	switch told {
	case isUp:
		if o.length == 0 {
			a.log.Info("target up", slog.Duration("rtt", p.RTT))
			return
		}
		a.log.Info("target up again", slog.Duration("was_down", o.length.Round(time.Millisecond)))
	case isDown:
		a.log.Warn("target down", slog.String("class", string(classOf(p))), slog.Any("error", p.Err))
	case flaps:
		a.log.Warn("target flaps, no more is said until it rests", slog.Int("changes", flapsAfter), slog.Duration("in", flapsIn))
	case rests:
		a.log.Info("target flaps no more", slog.Bool("up", o.up), slog.Int("changes", o.quiet))
	}
}

// link takes what happened to the connection.
func (a *address) conn(l ping.ConnEvent) {
	a.mu.Lock()
	a.connected = l.Up
	a.mu.Unlock()
	if l.Up {
		a.log.Debug("connected", slog.Duration("connect", l.Phases.Connect))
		return
	}
	a.log.Debug("not connected", slog.String("class", string(l.Class)), slog.Any("error", l.Err))
}
