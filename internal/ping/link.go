package ping

import (
	"context"
	"time"
)

// The pause between two attempts to connect. It doubles until an answer arrives. Probes
// that are due in the meantime are lost for the reason of the last attempt.
const (
	minRetryPause = 50 * time.Millisecond
	maxRetryPause = 500 * time.Millisecond
)

// outage is a time without a connection.
type outage struct {
	since  time.Time // its start; zero if there is a connection
	tried  time.Time // the start of the last attempt to connect
	pause  time.Duration
	err    error  // of the last attempt
	lost   bool   // a probe was lost for err
	phases Phases // of the last attempt
}

// mayRetry reports whether the pause is over. It counts as an attempt then.
func (o *outage) mayRetry(now time.Time) bool {
	if o.err != nil && now.Sub(o.tried) < o.pause {
		return false
	}
	o.tried, o.pause = now, min(max(2*o.pause, minRetryPause), maxRetryPause)
	return true
}

// dialed is the result of an attempt to connect.
type dialed struct {
	conn *connection // also of an attempt that failed, with its phases
	at   time.Time
	err  error
}

// dial starts to connect, unless that is in progress. It reports false in the pause
// between two attempts.
func (r *run) dial(ctx context.Context, now time.Time) bool {
	if r.dialing {
		return true
	}
	if !r.outage.mayRetry(now) {
		return false
	}
	r.dialing = true
	r.workers.Go(func() {
		bounded, cancel := context.WithTimeout(ctx, r.Timeout)
		defer cancel()
		c, err := connect(bounded, r.Target)
		select {
		case r.dials <- dialed{c, time.Now(), err}:
		case <-ctx.Done():
			if err == nil {
				c.shutdown(false)
			}
		}
	})
	return true
}

// connected handles the result of an attempt to connect. The probes that waited for it
// are sent, or lost.
func (r *run) connected(d dialed) {
	r.dialing, r.outage.phases = false, d.conn.phases
	first, waiting := !r.begun, r.flights.on(nil)
	if d.err != nil {
		if r.conn != nil || r.dialPaused {
			r.dialPaused = false
			return // the connection stays in use, or the pause may be the reason
		}
		r.outage.err, r.outage.lost = d.err, len(waiting) > 0
		r.reportDown(d.err, "")
		r.loseAll(waiting, d.err)
		return
	}
	r.dialPaused = false
	old := r.conn
	r.conn = d.conn
	r.workers.Go(func() { d.conn.readLoop(r.Size, r.datagrams(), r.arrivals) })
	if !r.datagrams() {
		payloads := r.payloads.clone()
		r.workers.Go(func() { d.conn.writeLoop(payloads, r.arrivals) })
	}
	r.resolveAt = time.Now().Add(r.Resolve)
	r.reportUp(d.conn, r.retire(old))
	if first && len(waiting) > 0 {
		waiting = r.begin()
	}
	for _, f := range waiting {
		r.write(f)
	}
}

// begin begins the schedule again, at the first connection: what was due before has not
// waited for the service. It returns the first probe.
func (r *run) begin() []*flight {
	r.begun = true
	now := time.Now()
	f := &flight{stamp: now.UnixNano(), sent: now}
	r.flights = flights{remember: r.flights.remember}
	r.flights.add(f)
	r.due = r.after(now)
	return []*flight{f}
}

// reportUp reports that there is a connection. It does not report a socket for
// datagrams to the same address again, after that address refused.
func (r *run) reportUp(c *connection, from string) {
	at := time.Now()
	event := ConnEvent{Up: true, At: at, Addr: c.addr(), Phases: c.phases}
	if r.datagrams() && r.outage.since.IsZero() && event.Addr == r.reported {
		return
	}
	r.reported = event.Addr
	if from != event.Addr {
		event.From = from
	}
	if o := &r.outage; !o.since.IsZero() {
		event.Down, o.since = at.Sub(o.since), time.Time{}
	}
	r.reportConn(event)
}

// reportDown reports that there is no connection, once in an outage.
func (r *run) reportDown(err error, addr string) {
	if !r.outage.since.IsZero() {
		return
	}
	r.outage.since = time.Now()
	r.reportConn(ConnEvent{At: r.outage.since, Addr: addr, Class: classify(err), Err: err})
}

func (r *run) reportConn(e ConnEvent) {
	if r.OnConn != nil && !r.Reconnect {
		r.OnConn(e)
		r.alive = time.Now()
	}
}

// disconnect ends a connection that broke. The probes in flight on it are lost.
func (r *run) disconnect(c *connection, err error) {
	lost := r.flights.on(c)
	if c == r.conn {
		addr := c.addr()
		r.closeConn(true)
		r.outage.err, r.outage.lost = err, len(lost) > 0
		r.reportDown(err, addr)
	} else {
		r.closeRetired(c, true)
	}
	r.loseAll(lost, err)
}

// loseAll finishes probes that were lost for one failure.
func (r *run) loseAll(all []*flight, err error) {
	for i, f := range all {
		f.shared = i > 0
		r.lose(f, time.Now(), err)
	}
}

// closeConn closes the connection if there is one. Abort resets it.
func (r *run) closeConn(abort bool) {
	if r.conn != nil {
		r.conn.shutdown(abort)
		r.conn = nil
	}
}
