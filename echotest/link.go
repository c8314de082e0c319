package echotest

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is one connection through a proxy: the client's, and the proxy's own to
// the server.
type link struct {
	ctx            context.Context // ends with the link, and with the proxy
	cancel         context.CancelFunc
	client, server *net.TCPConn

	moved     atomic.Int64 // when a piece last went on, in ns since 1970
	answered  atomic.Bool  // the server has ended its direction
	forgotten atomic.Bool  // nothing is forwarded any more
}

// flow is one direction of a link.
type flow struct {
	from, to *net.TCPConn
	up       bool // from the client to the server
}

// streamHooks are the places at which a proxy for streams can go wrong. What is
// not set is honest.
type streamHooks struct {
	acceptsFirst bool                        // listens even if the server refuses
	carry        func(l *link, f flow) error // moves bytes until f.from ends in order: nil
	ended        func(l *link, f flow)       // f.from has ended in order
	broken       func(l *link, f flow)       // f.from or f.to was reset
	watch        func(l *link)               // runs beside, until l.ctx ends
}

func (h streamHooks) orHonest() streamHooks {
	if h.carry == nil {
		h.carry = func(l *link, f flow) error { return carry(f.from, l.meter(f.to), unchanged) }
	}
	if h.ended == nil {
		h.ended = func(_ *link, f flow) { f.to.CloseWrite() }
	}
	if h.broken == nil {
		h.broken = func(l *link, _ flow) { l.abort() }
	}
	if h.watch == nil {
		h.watch = func(*link) {}
	}
	return h
}

func newLink(ctx context.Context, client, server *net.TCPConn) *link {
	ctx, cancel := context.WithCancel(ctx)
	l := &link{ctx: ctx, cancel: cancel, client: client, server: server}
	l.moved.Store(time.Now().UnixNano())
	return l
}

// relay serves both flows until both are over.
func (l *link) relay(h streamHooks) {
	var flows, watch sync.WaitGroup
	watch.Go(func() { h.watch(l) })
	for _, f := range []flow{{l.client, l.server, true}, {l.server, l.client, false}} {
		flows.Go(func() {
			if err := h.carry(l, f); err != nil {
				h.broken(l, f)
			} else {
				h.ended(l, f)
			}
		})
	}
	flows.Wait()
	l.cancel()
	watch.Wait()
}

// close ends both connections in order, whatever is still to be forwarded.
func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

// abort ends both connections by a reset.
func (l *link) abort() {
	l.client.SetLinger(0)
	l.server.SetLinger(0)
	l.close()
}

// still is for how long no piece has gone on in either direction.
func (l *link) still() time.Duration {
	return time.Since(time.Unix(0, l.moved.Load()))
}

// metered is a connection of a link that notes when something is written to it.
type metered struct {
	*link
	to *net.TCPConn
}

func (l *link) meter(to *net.TCPConn) metered { return metered{l, to} }

func (m metered) Write(piece []byte) (int, error) {
	n, err := m.to.Write(piece)
	m.moved.Store(time.Now().UnixNano())
	return n, err
}
