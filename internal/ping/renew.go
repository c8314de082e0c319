package ping

import (
	"context"
	"net"
	"slices"
	"time"

	"echod/internal/dial"
)

// A connection is replaced while it is in use if the address of the name has changed, or,
// if it is a socket for datagrams, when it is not answered: a NAT may lead its flow to a
// server that has gone, and the probes themselves keep that entry alive. The old one is
// retired: its answers still count.

// retirement is what is known of a connection that was replaced.
type retirement struct {
	since    time.Time // zero: it is in use
	by       *connection
	controls int       // probes that were answered by a new socket and sent again on this one
	last     time.Time // when the last one was sent
	answered bool      // something arrived since
}

// The pause between two replacements of a socket that is not answered. It doubles until an
// answer arrives.
const (
	minRenewPause = 50 * time.Millisecond
	maxRenewPause = 5 * time.Second
)

// renewal decides when a socket for datagrams is replaced. It does no I/O.
type renewal struct {
	lost    int  // consecutive lost probes
	refused bool // the last probe was
	tried   time.Time
	pause   time.Duration
}

// lose counts a lost probe. One that this machine or the path did not take says nothing about
// the flow: a new socket would not take it either.
func (n *renewal) lose(class dial.Class, refused bool) {
	switch class {
	case dial.Local, dial.TooLong, NotSent:
		return
	}
	n.lost++
	n.refused = n.refused || refused
}

// due reports whether a new socket should be tried now. It counts as an attempt then. Spent
// means that the old one must be replaced.
func (n *renewal) due(after int, spent bool, now time.Time) bool {
	if !n.refused && !spent && n.lost < after || now.Sub(n.tried) < n.pause {
		return false
	}
	*n = renewal{tried: now, pause: min(max(2*n.pause, minRenewPause), maxRenewPause)}
	return true
}

// renew replaces the socket if that is due.
func (r *run) renew(ctx context.Context, now time.Time) {
	if r.conn == nil || r.dialing || !r.datagrams() || r.Reconnect {
		return
	}
	if r.renewal.due(r.renewAfter(), dial.Spent(r.conn.Conn), now) {
		r.outage.err = nil // there is no pause: this is no outage of connecting
		r.dial(ctx, now)
	}
}

func (r *run) renewAfter() int {
	if r.RenewAfter == 0 {
		return DefaultRenewAfter
	}
	return r.RenewAfter
}

// follow looks up the name again if that is due.
func (r *run) follow(ctx context.Context, now time.Time) {
	if r.Resolve == 0 || r.Reconnect || r.conn == nil || r.dialing || now.Before(r.resolveAt) || !r.Target.HasName() {
		return
	}
	r.resolveAt = now.Add(r.Resolve)
	r.workers.Go(func() {
		bounded, cancel := context.WithTimeout(ctx, r.Resolve)
		defer cancel()
		addresses, err := r.Target.Addresses(bounded)
		if err != nil {
			return // a failed look-up says nothing about the address
		}
		select {
		case r.lookups <- addresses:
		case <-ctx.Done():
		}
	})
}

// resolved replaces the connection if its address is not among those of the name.
func (r *run) resolved(ctx context.Context, addresses []string) {
	if r.conn == nil || r.dialing {
		return
	}
	here := host(r.conn.addr())
	if !slices.ContainsFunc(addresses, func(address string) bool { return host(address) == here }) {
		r.dial(ctx, time.Now())
	}
}

// host returns the IP address of IP:PORT.
func host(address string) string {
	ip, _, _ := net.SplitHostPort(address)
	return ip
}

// retire keeps c, which may be nil, for the answers that are due. It returns its address.
func (r *run) retire(c *connection) string {
	if c == nil {
		return ""
	}
	c.retired.since, c.retired.by = time.Now(), r.conn
	for _, old := range r.retired {
		if old.retired.by == c {
			old.retired.by = r.conn
		}
	}
	if dial.Spent(c.Conn) {
		c.retired.controls, c.retired.answered = r.renewAfter(), true // its flow is not in doubt
	}
	r.retired = append(r.retired, c)
	return c.addr()
}

// reads reports whether arrivals on c count.
func (r *run) reads(c *connection) bool { return c == r.conn || slices.Contains(r.retired, c) }

// closeRetired closes a retired connection.
func (r *run) closeRetired(c *connection, abort bool) {
	r.retired = slices.DeleteFunc(r.retired, func(other *connection) bool { return other == c })
	c.shutdown(abort)
}

// until returns when a retired connection is closed: after a timeout, in which all its
// answers and those to the control probes would have arrived.
func (r *run) until(c *connection) time.Time {
	if c.retired.last.After(c.retired.since) {
		return c.retired.last.Add(r.Timeout)
	}
	return c.retired.since.Add(r.Timeout)
}

// sweep closes the retired connections whose time is over.
func (r *run) sweep(now time.Time) {
	for _, c := range slices.Clone(r.retired) {
		if now.Before(r.until(c)) {
			continue
		}
		if c.retired.controls == r.renewAfter() && !c.retired.answered {
			r.reportConn(ConnEvent{Up: true, At: now, Addr: c.addr(), Stale: true})
		}
		r.closeRetired(c, len(c.stream.owed) > 0)
	}
}

// compare sends f, which was answered on a new socket, again on the socket before, if that
// has the same address. If none of several such probes is answered, the old flow is stale.
// One would not do: it may be lost.
func (r *run) compare(f *flight) {
	for _, old := range r.retired {
		o := &old.retired
		if !r.datagrams() || f == nil || o.by != f.conn || o.controls == r.renewAfter() || old.addr() != f.conn.addr() {
			continue
		}
		o.controls++
		o.last = time.Now()
		old.SetWriteDeadline(o.last.Add(r.Timeout))
		old.Write(r.payloads.probe(f.seq, f.stamp)) // an error is no answer
	}
}
