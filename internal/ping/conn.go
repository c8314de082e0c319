package ping

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/dial"
)

// connection is a connection or a socket for datagrams, and the goroutine that reads
// it.
type connection struct {
	net.Conn
	phases Phases
	stream stream
	done   chan struct{}
	writes atomic.Int64 // probes that were written, including failed writes
}

// arrival is the result of one read: bytes, an error, or both.
type arrival struct {
	conn *connection
	data []byte
	at   time.Time
	err  error
}

// connect makes a connection and measures its phases, also of an attempt that fails.
func connect(ctx context.Context, target Target) (*connection, error) {
	w := stopwatch{start: time.Now()}
	bare := target
	target.Via = func(ctx context.Context) (net.Conn, error) {
		conn, err := bare.DialTransport(ctx)
		w.mark(&w.connected)
		return conn, err
	}
	conn, err := target.Dial(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { w.mark(&w.dnsStart) },
		DNSDone:  func(httptrace.DNSDoneInfo) { w.mark(&w.dnsDone) },
	}))
	phases := w.phases(target.Network)
	if err != nil {
		return &connection{phases: phases}, err
	}
	return &connection{Conn: conn, phases: phases, done: make(chan struct{})}, nil
}

// stopwatch measures the phases of a connection. Package net may call it from several
// goroutines.
type stopwatch struct {
	mu                                  sync.Mutex
	start, dnsStart, dnsDone, connected time.Time
}

// mark sets one of the times to now.
func (w *stopwatch) mark(t *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*t = time.Now()
}

func (w *stopwatch) phases(network string) Phases {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p Phases
	if !w.dnsStart.IsZero() && !w.dnsDone.IsZero() {
		p.DNS = w.dnsDone.Sub(w.dnsStart)
	}
	p.Connect = w.connected.Sub(w.start) - p.DNS
	if network == "tls" {
		p.TLS = time.Since(w.connected)
	}
	return p
}

// The pause after a read error, because the next read may return the same error at
// once. It doubles from one error to the next.
const (
	minReadPause = 10 * time.Millisecond
	maxReadPause = time.Second
)

// readLoop sends what it reads until the connection is shut down or broken. A datagram of more
// than size bytes is cut to size+1. A transient error is about one probe that was sent.
// If there are more errors than probes, the socket causes them, and readLoop pauses.
func (c *connection) readLoop(size int, datagrams bool, to chan<- arrival) {
	buf := make([]byte, size+1)
	failed, pause := int64(0), time.Duration(0)
	for {
		n, err := c.Read(buf)
		a := arrival{c, slices.Clone(buf[:max(n, 0)]), time.Now(), err}
		select {
		case to <- a:
		case <-c.done:
			return
		}
		if err != nil && !(datagrams && transient(err)) {
			return
		}
		if err == nil {
			pause = 0
			continue
		}
		if failed++; failed <= c.writes.Load() {
			continue
		}
		pause = min(max(2*pause, minReadPause), maxReadPause)
		select {
		case <-time.After(pause):
		case <-c.done:
			return
		}
	}
}

// transient reports whether a socket for datagrams remains usable after err. Such an
// error is about one datagram: an ICMP message came back (udp(7)).
func transient(err error) bool {
	class := dial.Classify(err)
	return class == dial.Refused || class == dial.Unreachable
}

// addr returns the address of the peer.
func (c *connection) addr() string {
	if addr := c.RemoteAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// shutdown closes the connection and ends readLoop. Abort resets it: bytes that the kernel has not sent yet
// are dropped.
func (c *connection) shutdown(abort bool) {
	close(c.done)
	if tcp, ok := dial.Transport(c.Conn).(*net.TCPConn); ok && abort {
		tcp.SetLinger(0)
		tcp.Close()
	}
	c.Close()
}

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

// connect makes the connection. In the pause between two attempts it returns the error
// of the last one.
func (r *run) connect(ctx context.Context, now time.Time) error {
	o := &r.outage
	if !o.mayRetry(now) {
		return o.err
	}
	bounded, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	c, err := connect(bounded, r.Target)
	o.phases = c.phases
	if err != nil {
		if o.err = err; ctx.Err() == nil {
			r.reportDown(err, "")
		}
		return err
	}
	r.conn = c
	r.readers.Go(func() { c.readLoop(r.Size, r.datagrams(), r.arrivals) })
	r.reportUp(c)
	return nil
}

// reportUp reports that there is a connection. It does not report a socket for
// datagrams to the same address again, after that address refused.
func (r *run) reportUp(c *connection) {
	at := time.Now()
	event := ConnEvent{Up: true, At: at, Addr: c.addr(), Phases: c.phases}
	if r.datagrams() && r.outage.since.IsZero() && event.Addr == r.reported {
		return
	}
	r.reported = event.Addr
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
	}
}

// disconnect ends a connection that broke. The probes in flight on it are lost.
func (r *run) disconnect(err error) {
	addr := r.conn.addr()
	r.closeConn(true)
	r.outage.err = err
	r.reportDown(err, addr)
	for f := r.flights.first(); f != nil; f = r.flights.first() {
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

// classify returns the class of an error of a probe or a connection.
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
		// A TLS alert. A server rejects our certificate after the handshake (RFC 8446,
		// section 2).
		return dial.TLS
	}
	return class
}
