package check

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"echod/internal/dial"
)

var idle = Rule{
	ID:       "stream/idle",
	Networks: streams,
	Needs:    []string{"--long"},
	Sends:    "a few bytes, then nothing for up to 10 min (--idle-max), with the client's keepalive off and on; then a few more (--long). The keepalive of the server stays as it is",
	Expects:  "all of them, or an end that both sides are informed of",
	Meaning:  "A silent connection is dropped after a while and neither side is informed: the next bytes are lost, and a side that waits never learns of it.",
	Causes: []Cause{
		{
			Classes: []Class{Silent},
			Text:    "a NAT, firewall or load balancer that drops the state of silent connections without a reset (Azure: after 4 min, AWS: after 350 s)",
			Remedy:  "send keepalives more often than that, or make it reset what it drops (Azure: enableTcpReset)",
		},
	},
	stage:     stalled,
	noRetry:   true,
	extraTime: func(o Options) time.Duration { return 3 * o.IdleMax },
	run:       runIdle,
}

// fate is what happened to a silent connection.
type fate string

const (
	survived  fate = "survived"
	finished  fate = "was ended by a FIN"
	aborted   fate = "was reset"
	lateReset fate = "was dropped, and reset by the next bytes"
	lost      fate = "was lost silently"
)

// silence is a fate, and how long the connection was silent before it.
type silence struct {
	fate  fate
	after time.Duration
	on    *stream // the connection
}

func (s silence) String() string {
	return fmt.Sprintf("%s after %v of silence", s.fate, rounded(s.after))
}

// rounded returns d with the precision that matters to people.
func rounded(d time.Duration) time.Duration {
	unit := time.Second
	if d < 10*unit {
		unit /= 10
	}
	return d.Round(unit)
}

func runIdle(p *probe) error {
	var off, on silence
	err := atOnce(2, func(i int) (err error) {
		if i == 0 {
			off, err = p.findIdleLimit(0)
		} else {
			on, err = p.findIdleLimit(keepalive)
		}
		return err
	})
	if err != nil {
		return err
	}
	detail := fmt.Sprintf("without keepalive of the client, the connection %v", off)
	if on != (silence{}) {
		detail += fmt.Sprintf("; with keepalive every %v, it %v", keepalive, on)
	}
	switch {
	case off.fate == lost, on.fate == lost:
		f := fail(Silent, "%s", detail)
		f.foundOn(on.on)
		if off.fate == lost {
			f.foundOn(off.on)
		}
		return f
	case off.fate != survived, on.fate != survived && on != (silence{}):
		p.setNote("a timeout that both sides are informed of: %s", detail)
	default:
		p.setNote("%s", detail)
	}
	return nil
}

// idleConns is how many connections are silent at the same time, each for another
// duration.
const idleConns = 16

// findIdleLimit returns when silent connections end, or that they survive p.IdleMax.
// A FIN or a reset arrives at that very moment. A silent loss happens between two of
// the durations, so a second round of durations lies between those two. The result is
// the zero silence if keepalive was requested and the connection does not support it.
func (p *probe) findIdleLimit(keepAlive time.Duration) (silence, error) {
	low, high := time.Duration(0), p.IdleMax
	var first silence
	for range 2 {
		all := make([]silence, idleConns)
		err := atOnce(idleConns, func(i int) (err error) {
			all[i], err = p.stayIdle(low+(high-low)*time.Duration(i+1)/idleConns, keepAlive)
			return err
		})
		if err != nil {
			return silence{}, err
		}
		end, before := earliestEnd(all, low, (high-low)/idleConns)
		if first == (silence{}) || end.fate != survived {
			first = end // else the limit is at the very end of the second round
		}
		if first.fate != lost && first.fate != lateReset {
			break
		}
		low, high = before, first.after
	}
	return first, nil
}

// earliestEnd returns the shortest silence that a connection did not survive, or the
// longest if all survived, and the duration before it. A connection that sends at the
// very moment of a timeout is reset by its bytes: if another one ended without sending at
// most one step later, that end is what happened. The step is the time between two
// durations; a busy machine may send later than planned.
func earliestEnd(all []silence, low, step time.Duration) (first silence, before time.Duration) {
	last := len(all) - 1
	for i, s := range all[:last] {
		endedAlone := func(o silence) bool {
			return (o.fate == aborted || o.fate == finished) && o.after <= s.after+step
		}
		switch {
		case s.fate == survived:
			low = s.after
		case s.fate == lateReset && slices.ContainsFunc(all[i+1:], endedAlone):
			// The other one is more precise.
		default:
			return s, low
		}
	}
	return all[last], low
}

// stayIdle exchanges a few bytes, is silent for d, and exchanges a few more.
func (p *probe) stayIdle(d, keepAlive time.Duration) (silence, error) {
	s, err := p.open()
	if err != nil {
		return silence{}, err
	}
	defer s.Close()
	switch err := dial.SetKeepAlive(s.Conn, keepAlive); {
	case errors.Is(err, errors.ErrUnsupported):
		return silence{}, nil
	case err != nil:
		return silence{}, fmt.Errorf("setting keepalive: %w", err)
	}
	out, back := p.payload(0), p.payload(0)
	if err := s.exchange(out, back, 64); err != nil {
		return silence{}, err
	}
	start := time.Now()
	s.SetReadDeadline(start.Add(d))
	n, err := s.Read(make([]byte, 64))
	if n > 0 {
		return silence{}, s.failAt(s.received, ExtraBytes, "bytes arrived that were never sent")
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return silence{fateOf(err, aborted), time.Since(start), s}, p.ctx.Err()
	}
	silent := time.Since(start) // longer than d on a busy machine
	if err := s.exchange(out, back, 64); err != nil {
		return silence{fateOf(err, lateReset), silent, s}, p.ctx.Err()
	}
	return silence{survived, d, s}, nil
}

// fateOf returns the fate of a connection whose read failed with err. reset is the
// fate if that is a reset.
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
	return lost // a timeout: ours, or that of the keepalive
}

// keepalive is the time between two keepalive probes of the cases that have keepalive.
// It is Go's default.
const keepalive = 15 * time.Second
