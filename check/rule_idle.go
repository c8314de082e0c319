package check

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"echod/internal/dial"
)

var idle = Rule{
	ID:       "stream/idle",
	Networks: streams,
	Sends:    "a few bytes, then nothing for up to 10 min (--idle-max), with keepalive off and on; then a few more (--long)",
	Expects:  "all of them, or an end that both sides are told of",
	Meaning:  "A connection that is silent for a while is dropped and nobody is told: the next bytes vanish, and who waits waits for ever.",
	flag:     "--long",
	stage:    stalled,
	once:     true,
	extra:    func(o Options) time.Duration { return 3 * o.IdleMax },
	run:      runIdle,
}

// fate is what became of a silent connection.
type fate string

const (
	survived  fate = "survived"
	finished  fate = "was ended by a FIN"
	aborted   fate = "was reset"
	lateReset fate = "was dropped, and reset when spoken on"
	lost      fate = "was lost silently"
)

// silence is what became of a connection, and after how long.
type silence struct {
	fate  fate
	after time.Duration
}

func (s silence) String() string {
	return fmt.Sprintf("%s after %v of silence", s.fate, rounded(s.after))
}

// rounded is d as precisely as it is worth telling.
func rounded(d time.Duration) time.Duration {
	unit := time.Second
	if d < 10*unit {
		unit /= 10
	}
	return d.Round(unit)
}

func runIdle(p *probe) error {
	if !p.Long {
		return skipped("needs --long")
	}
	var off, on silence
	err := atOnce(2, func(i int) (err error) {
		if i == 0 {
			off, err = p.longestSilence(false)
		} else {
			on, err = p.longestSilence(true)
		}
		return err
	})
	if err != nil {
		return err
	}
	said := fmt.Sprintf("without keepalive it %v", off)
	if on != (silence{}) {
		said += fmt.Sprintf("; with keepalive every %v it %v", keepalive, on)
	}
	switch {
	case off.fate == lost, on.fate == lost:
		return fail(Silent, "%s", said)
	case off.fate != survived, on.fate != survived && on != (silence{}):
		p.note("a policy, and told: %s", said)
	default:
		p.note("%s", said)
	}
	return nil
}

// spread is how many connections are silent side by side, each for another
// time.
const spread = 16

// longestSilence finds when silent connections end, or that they survive the
// longest. An end that is told comes by itself; one that is not lies between
// two of the times, so that another row of times is put there. It is nothing for
// a connection that knows no keepalive, if that was to be on.
func (p *probe) longestSilence(alive bool) (silence, error) {
	low, high := time.Duration(0), p.IdleMax
	var first silence
	for range 2 {
		all := make([]silence, spread)
		err := atOnce(spread, func(i int) (err error) {
			all[i], err = p.beSilent(low+(high-low)*time.Duration(i+1)/spread, alive)
			return err
		})
		if err != nil {
			return silence{}, err
		}
		end, before := earliestEnd(all, low)
		if first == (silence{}) || end.fate != survived {
			first = end // else it lies at the very end of the second row
		}
		if first.fate != lost && first.fate != lateReset {
			break
		}
		low, high = before, first.after
	}
	return first, nil
}

// earliestEnd is the shortest silence that was not survived, the longest if all
// were, and the one before it. Who speaks at the very moment of a timeout is
// reset; that the others were told in time says what it was.
func earliestEnd(all []silence, low time.Duration) (first silence, before time.Duration) {
	last := len(all) - 1
	for i, s := range all[:last] {
		next := all[i+1].fate
		switch {
		case s.fate == survived:
			low = s.after
		case s.fate == lateReset && (next == aborted || next == finished):
			// The next one tells more.
		default:
			return s, low
		}
	}
	return all[last], low
}

// beSilent speaks, is silent for d, and speaks again.
func (p *probe) beSilent(d time.Duration, alive bool) (silence, error) {
	s, err := p.open()
	if err != nil {
		return silence{}, err
	}
	defer s.Close()
	if !s.keepAlive(alive) && alive {
		return silence{}, nil
	}
	out, back := p.payload(0), p.payload(0)
	if err := s.exchange(out, back, 64); err != nil {
		return silence{}, err
	}
	start := time.Now()
	s.SetReadDeadline(start.Add(d))
	n, err := s.Read(make([]byte, 64))
	if n > 0 {
		return silence{}, failAt(s.at, ExtraBytes, "bytes came that were never sent")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return silence{fateOf(err, aborted), time.Since(start)}, p.ctx.Err()
	}
	if err := s.exchange(out, back, 64); err != nil {
		return silence{fateOf(err, lateReset), d}, p.ctx.Err()
	}
	return silence{survived, d}, nil
}

// fateOf reads a fate from the error of a read. A reset means what reset says.
func fateOf(err error, reset fate) fate {
	class := classify(err)
	if f := (*failure)(nil); errors.As(err, &f) {
		class = f.class
	}
	switch class {
	case PrematureEOF:
		return finished
	case Reset:
		return reset
	}
	return lost // a timeout: of ours, or of the keepalive's
}

const keepalive = 15 * time.Second

// keepAlive turns keepalive on or off, and reports whether that could be done.
func (s *stream) keepAlive(on bool) bool {
	c, ok := dial.Bare(s.Conn).(interface {
		SetKeepAliveConfig(net.KeepAliveConfig) error
	})
	return ok && c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: on, Idle: keepalive, Interval: keepalive, Count: 4}) == nil
}
