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

// connection is a connection or a socket for datagrams, and the goroutines that read it
// and, if it is a stream, write to it.
type connection struct {
	net.Conn
	phases   Phases
	stream   stream
	inFlight int       // of its probes
	heard    time.Time // when bytes arrived last, or when it was made
	outbox   outbox
	writing  dial.Writes // of the outbox
	retired  retirement
	done     chan struct{}
	writes   atomic.Int64 // probes that were written, including failed writes
}

// arrival is the result of one read: bytes, an error, or both.
type arrival struct {
	conn *connection
	data []byte
	dial.Arrived
	at  time.Time
	err error
}

// connect makes a connection and measures its phases, also of an attempt that fails.
func connect(ctx context.Context, target Target) (*connection, error) {
	w := stopwatch{start: time.Now()}
	bare := target
	bare.ReceiveTTL = true
	target.Via = func(ctx context.Context) (net.Conn, error) {
		conn, err := bare.DialTransport(ctx)
		w.mark(&w.connected)
		if err == nil {
			w.retransmits = dial.Retransmits(conn)
		}
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
	c := &connection{Conn: conn, phases: phases, heard: time.Now(), done: make(chan struct{})}
	c.outbox.added = make(chan struct{}, 1)
	return c, nil
}

// outbox is the probes that are to be written to a stream. A write may block, and
// further probes are due in the meantime.
type outbox struct {
	mu    sync.Mutex
	list  []*flight
	idle  bool          // the writer waits
	added chan struct{} // has a token if the list is not empty
}

// add adds f. If nothing is written at this moment, the round trip of f begins when its
// first byte is written, otherwise when it was due.
func (o *outbox) add(f *flight) {
	o.mu.Lock()
	f.first = o.idle && len(o.list) == 0
	o.list = append(o.list, f)
	o.mu.Unlock()
	select {
	case o.added <- struct{}{}:
	default:
	}
}

// take returns the list and empties it.
func (o *outbox) take() []*flight {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list
	o.list, o.idle = nil, len(list) == 0
	return list
}

// writeLoop writes the probes of the outbox to a stream until the connection is shut
// down, closed or broken.
func (c *connection) writeLoop(payloads *payloads, to chan<- arrival) {
	for {
		list := c.outbox.take()
		if len(list) == 0 {
			select {
			case <-c.outbox.added:
			case <-c.done:
				return
			}
		}
		for _, f := range list {
			bytes := payloads.probe(f.seq, f.stamp)
			if f.first {
				f.wrote.Store(int64(time.Since(f.sent)))
			}
			err := c.writing.Do(func() error { _, err := c.Write(bytes); return err })
			if errors.Is(err, net.ErrClosed) {
				return // readLoop reports why it closed the stream
			}
			if err != nil {
				select {
				case to <- arrival{conn: c, at: time.Now(), err: err}:
				case <-c.done:
				}
				return
			}
		}
	}
}

// stopwatch measures the phases of a connection. Package net may call it from several
// goroutines.
type stopwatch struct {
	mu                                  sync.Mutex
	start, dnsStart, dnsDone, connected time.Time
	retransmits                         int64
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
	p := Phases{Retransmits: w.retransmits}
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
		n, arrived, err := dial.Read(c.Conn, buf)
		if !datagrams {
			err = c.writing.ReadError(c.Conn, err)
		}
		a := arrival{c, slices.Clone(buf[:max(n, 0)]), arrived, time.Now(), err}
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
	return class == dial.Refused || class == dial.Unreachable || class == dial.TooLong
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

// classify returns the class of an error of a probe or a connection.
func classify(err error) dial.Class {
	if _, wrong := errors.AsType[*WrongError](err); wrong {
		return dial.Corrupt
	}
	class := dial.Classify(err)
	op, _ := errors.AsType[*net.OpError](err)
	switch {
	case errors.As(err, new(*notSentError)):
		return NotSent
	case class == "" && op != nil && op.Op == "remote error":
		// A TLS alert. A server rejects our certificate after the handshake (RFC 8446,
		// section 2).
		return dial.TLS
	}
	return class
}
