//go:build linux

package reactor

import (
	"context"
	"time"

	"echod/internal/engine"
	"echod/internal/sys"
	"echod/internal/trace"
)

// A loop traces a connection by making its calls on another kernel, which records them. It
// replaces its kernel itself, between two calls. So a loop that traces nothing makes the same
// calls through the same interface as without this file.

// Trace asks every loop: the one that serves the stream begins the trace.
func (s *server) Trace(ctx context.Context, id uint64, life *trace.Life) (stop func(), err error) {
	for _, l := range s.loops {
		var found bool
		select {
		case <-l.inbox.request(func() { found = l.follow(id, life) }):
		case <-ctx.Done():
			l.inbox.request(func() { l.forget(id, life) }) // it may begin later
			return nil, ctx.Err()
		}
		if found {
			return func() { l.inbox.request(func() { l.forget(id, life) }) }, nil
		}
	}
	return nil, engine.ErrNoStream
}

// follow begins the trace of a stream of l. It returns false if l does not have it.
func (l *loop) follow(id uint64, life *trace.Life) (found bool) {
	c := l.find(id)
	if c == nil {
		return false
	}
	if l.followed == nil {
		l.followed = trace.Follow(l.k, l.srv.name)
		l.use(l.followed)
	}
	peer := trace.UnixPeer
	if !c.unix {
		peer = l.peerAddr(int(c.fd)).String()
	}
	l.followed.Begin(int(c.fd), life, trace.Opened{
		Peer: peer, Age: time.Duration(l.hundredths()-c.opened) * 10 * time.Millisecond,
		In: c.stream.In(), Out: c.stream.Out(), Finishing: c.phase == finishing,
	})
	return true
}

// forget ends a trace. With the last one, the loop uses the kernel of the server again.
func (l *loop) forget(id uint64, life *trace.Life) {
	if l.followed != nil && l.followed.Forget(engine.Descriptor(id), life) {
		l.followed = nil
		l.use(l.srv.k)
	}
}

// use makes all calls of the loop on k.
func (l *loop) use(k sys.Kernel) {
	l.k = k
	l.poller.Use(k)
}

// find returns the open connection of l with this ID; nil if there is none. The table also has
// connections of other loops, which l may not look at.
func (l *loop) find(id uint64) *conn {
	for i := range l.lists {
		for fd := l.lists[i].head; fd != none; {
			c := l.table.at(fd)
			if engine.StreamID(c.gen, int(c.fd)) == id {
				return c
			}
			fd = c.next
		}
	}
	return nil
}

// hundredths returns the time for conn.opened, which wraps around after 497 days.
func (l *loop) hundredths() uint32 { return uint32(l.now() / int64(10*time.Millisecond)) }
