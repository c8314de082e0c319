//go:build linux

package reactor

import (
	"context"

	"echod/internal/drain"
	"echod/internal/engine"
)

// Shutdown drains. Nobody is sent a FIN for it: a FIN that the peer has not
// earned by finishing first would be a lie about what is still on its way. A
// stream ends as it would have ended, or is reset when ctx ends.
func (s *server) Shutdown(ctx context.Context) error {
	s.drain()
	if !s.serving.Swap(true) {
		s.finish() // it never served, so nothing will turn
		return nil
	}
	select {
	case <-s.over:
		return nil
	case <-ctx.Done():
	}
	s.abort()
	<-s.over
	return ctx.Err()
}

// drain tells the loops to take in what is queued and to end when nobody is
// left.
func (s *server) drain() {
	s.end.Start()
	s.wake()
}

// abort tells them to reset whoever is left.
func (s *server) abort() {
	s.end.Abort()
	s.wake()
}

func (s *server) wake() {
	for _, l := range s.loops {
		l.mail.wake()
	}
}

// checkShutdown looks whether the server is to end.
func (l *loop) checkShutdown() {
	switch l.srv.end.Phase() {
	case drain.Draining:
		l.retire()
	case drain.Aborting:
		l.abandon()
	}
}

// retire takes in what is queued and closes what brings new work.
func (l *loop) retire() {
	for _, ln := range l.listeners {
		ln.drain(l)
	}
	l.closePackets()
	l.leaveDelivery()
}

// abandon resets every stream of the loop and whoever is queued, and closes whatever
// it listens on.
func (l *loop) abandon() {
	for _, ln := range l.listeners {
		if !ln.closed {
			ln.refuseQueue(l)
			ln.close(l)
		}
	}
	l.closePackets()
	l.mail.deliver(l)
	l.leaveDelivery()
	for i := range l.lists {
		for c := l.lists[i].first(); c != nil; c = l.lists[i].first() {
			l.end(c, engine.Drained)
		}
	}
	l.bury()
}

// done reports whether the loop may end: nobody is left and nobody can come.
func (l *loop) done() bool {
	listeners := l.srv.listening.Load()
	return l.srv.end.Done(int(listeners), int(l.load.Load()))
}
