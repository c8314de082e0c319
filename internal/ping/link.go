package ping

import (
	"context"
	"net"
	"net/http/httptrace"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"echod/internal/dial"
)

// link is one connection, or one socket for datagrams, and the goroutine that
// reads it.
type link struct {
	conn   net.Conn
	phases Phases
	stream stream
	done   chan struct{}
	writes atomic.Int64 // probes that were written, or tried to be
}

// arrival is what came on a link: bytes, and then perhaps an error.
type arrival struct {
	link *link
	data []byte
	at   time.Time
	err  error
}

// connect makes a connection and times its parts.
func connect(ctx context.Context, target Target) (*link, error) {
	w := watch{began: time.Now()}
	bare := target
	target.Via = func(ctx context.Context) (net.Conn, error) {
		conn, err := bare.DialBare(ctx)
		w.made()
		return conn, err
	}
	conn, err := target.Dial(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { w.asking() },
		DNSDone:  func(httptrace.DNSDoneInfo) { w.resolved() },
	}))
	phases := w.phases(target.Network)
	if err != nil {
		return &link{phases: phases}, err
	}
	return &link{conn: conn, phases: phases, done: make(chan struct{})}, nil
}

// watch is a stopwatch for the parts of a connection. The net package may call it
// from several goroutines.
type watch struct {
	mu                         sync.Mutex
	began, asked, known, there time.Time
}

func (w *watch) asking()   { w.at(&w.asked) }
func (w *watch) resolved() { w.at(&w.known) }
func (w *watch) made()     { w.at(&w.there) }

func (w *watch) at(t *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*t = time.Now()
}

func (w *watch) phases(network string) Phases {
	w.mu.Lock()
	defer w.mu.Unlock()
	var p Phases
	if !w.asked.IsZero() && !w.known.IsZero() {
		p.DNS = w.known.Sub(w.asked)
	}
	p.Connect = w.there.Sub(w.began) - p.DNS
	if network == "tls" {
		p.TLS = time.Since(w.there)
	}
	return p
}

// The pause before a read that may report the same error again at once: it
// doubles from one to the next.
const (
	minReadPause = 10 * time.Millisecond
	maxReadPause = time.Second
)

// read hands over what comes until the link is closed or broken. Datagrams of
// more than size bytes are cut one byte behind that. An error that passes is
// about one probe that left; more errors than probes are the socket's own, and
// are followed by a pause.
func (l *link) read(size int, datagrams bool, to chan<- arrival) {
	buf := make([]byte, size+1)
	failed, pause := int64(0), time.Duration(0)
	for {
		n, err := l.conn.Read(buf)
		a := arrival{l, slices.Clone(buf[:max(n, 0)]), time.Now(), err}
		select {
		case to <- a:
		case <-l.done:
			return
		}
		if err != nil && !(datagrams && passing(err)) {
			return
		}
		if err == nil {
			pause = 0
			continue
		}
		if failed++; failed <= l.writes.Load() {
			continue
		}
		pause = min(max(2*pause, minReadPause), maxReadPause)
		select {
		case <-time.After(pause):
		case <-l.done:
			return
		}
	}
}

// passing reports whether a socket for datagrams remains usable after an error of
// that kind, which is about one datagram only: an ICMP message came back (udp(7)).
func passing(err error) bool {
	class := dial.Classify(err)
	return class == dial.Refused || class == dial.Unreachable
}

// addr is the peer's.
func (l *link) addr() string {
	if addr := l.conn.RemoteAddr(); addr != nil {
		return addr.String()
	}
	return ""
}

// close ends the link. What the kernel still had to send is dropped if abort is
// set: nobody waits for it.
func (l *link) close(abort bool) {
	close(l.done)
	if tcp, ok := dial.Bare(l.conn).(*net.TCPConn); ok && abort {
		tcp.SetLinger(0)
		tcp.Close()
	}
	l.conn.Close()
}
