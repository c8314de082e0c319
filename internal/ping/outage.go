package ping

import (
	"context"
	"errors"
	"net"
	"time"

	"echod/internal/dial"
)

// A connection that could not be made is tried again with the next probe, but not
// before a pause, which doubles from one try to the next until an answer comes.
// Probes that are due meanwhile are lost for the reason of the last try.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 500 * time.Millisecond
)

// outage is the time without a connection.
type outage struct {
	since  time.Time // when it began, zero if there is none
	tried  time.Time // when the last try began
	pause  time.Duration
	err    error  // why that failed
	phases Phases // as far as that came
}

// mayTry reports whether it is time for another try, and counts it.
func (o *outage) mayTry(now time.Time) bool {
	if o.err != nil && now.Sub(o.tried) < o.pause {
		return false
	}
	o.tried, o.pause = now, min(max(2*o.pause, firstPause), lastPause)
	return true
}

// over is when an answer came: the next outage will be another one.
func (o *outage) over() { o.pause, o.err = 0, nil }

// connect makes the connection, or says why there is none.
func (r *run) connect(ctx context.Context, now time.Time) error {
	o := &r.outage
	if !o.mayTry(now) {
		return o.err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Wait)
	defer cancel()
	l, err := connect(bounded, r.Target)
	o.phases = l.phases
	if err != nil {
		if o.err = err; ctx.Err() == nil {
			r.down(err, "")
		}
		return err
	}
	r.link = l
	r.readers.Go(func() { l.read(r.Size, r.datagrams(), r.arrivals) })
	r.up(l)
	return nil
}

// up tells that there is a connection.
func (r *run) up(l *link) {
	at := time.Now()
	told := Link{Up: true, At: at, Addr: l.addr(), Phases: l.phases}
	if r.datagrams() && r.outage.since.IsZero() && told.Addr == r.told {
		return // the same again, after it refused
	}
	r.told = told.Addr
	if o := &r.outage; !o.since.IsZero() {
		told.Down, o.since = at.Sub(o.since), time.Time{}
	}
	r.tellLink(told)
}

// down tells that there is no connection any more, once.
func (r *run) down(err error, addr string) {
	if !r.outage.since.IsZero() {
		return
	}
	r.outage.since = time.Now()
	r.tellLink(Link{At: r.outage.since, Addr: addr, Class: classify(err), Err: err})
}

func (r *run) tellLink(l Link) {
	if r.OnLink != nil && !r.Reconnect {
		r.OnLink(l)
	}
}

// broken is the end of a connection before its time. What was under way on it is
// lost.
func (r *run) broken(err error) {
	addr := r.link.addr()
	r.hangUp(true)
	r.outage.err = err
	r.down(err, addr)
	for f := r.book.waiting(); f != nil; f = r.book.waiting() {
		r.lose(f, time.Now(), err)
	}
}

// hangUp closes the connection if there is one; abort drops what has not left.
func (r *run) hangUp(abort bool) {
	if r.link != nil {
		r.link.close(abort)
		r.link = nil
	}
}

// classify says in one word what became of a probe or a connection.
func classify(err error) dial.Class {
	if _, wrong := errors.AsType[*WrongError](err); wrong {
		return dial.Corrupt
	}
	class := dial.Classify(err)
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case class == "" && dial.TooLong(err):
		return dial.Local
	case class == "" && op != nil && op.Op == "remote error":
		// An alert. What a server thinks of our certificate comes after the
		// handshake (RFC 8446, section 2).
		return dial.TLS
	}
	return class
}
